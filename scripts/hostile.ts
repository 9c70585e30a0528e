import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { wholeNumber } from "../cli/usage.ts";
import { runProgram } from "./program.ts";

const HELP = `Works random operations against the whole fleet in the midst of trouble, and compares every system with the org.

usage: npm run hostile -- [--seed <number>]... [--operations 2000]

  --seed        replays a run; several are worked one after the other; default: a random one
  --operations  how many things people do in each run

Exit code 0 means that every run left every system equal; 1 that one did not; 2 that an argument is wrong.`;

const MOST = 999_999_999;

/** Works one run; whether every system was equal. */
function work(seed: number, operations: number): boolean {
  const run = [join(import.meta.dirname, "test.ts"), "test/hostile"];
  const env = { ...process.env, HOSTILE_SEED: String(seed), HOSTILE_OPERATIONS: String(operations) };
  return spawnSync(process.execPath, ["--no-warnings", ...run], { env, stdio: "inherit" }).status === 0;
}

async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      seed: { type: "string", multiple: true },
      operations: { type: "string", default: "2000" },
    },
  });
  const operations = wholeNumber("--operations", values.operations, 0, MOST);
  const seeds = values.seed?.map((seed) => wholeNumber("--seed", seed, 0, MOST)) ?? [Math.floor(Math.random() * 1e9)];
  const results = seeds.map((seed) => ({ seed, equal: work(seed, operations) }));
  for (const { seed, equal } of results) console.log(`seed ${seed}: ${equal ? "every system is equal" : "not equal"}`);
  return results.every(({ equal }) => equal) ? 0 : 1;
}

await runProgram("npm run hostile", HELP, main);
