import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { wholeNumber } from "../cli/usage.ts";
import { type Cell, cellsOf, DURATIONS, FAULTS } from "../test/faults/cells.ts";
import { hopsOf } from "../test/faults/hops.ts";
import { killWhileChanging } from "../test/faults/kill.ts";
import { elapsed, MOST_FLEETS, type Result, workPacks } from "../test/faults/matrix.ts";
import { packsOf } from "../test/faults/packs.ts";
import { tableOf, withTable } from "../test/faults/table.ts";
import { startWorld } from "../test/faults/world.ts";
import { packagedTemplate } from "../test/support/fleet.ts";
import { runProgram } from "./program.ts";

const HELP = `Makes every hop of the fleet fail in every way, with changes meanwhile, and compares every system with Salesforce.

usage: npm run test:faults -- [--hop <text>]... [--fault <name>]... [--duration <name>]... [--fleets 4] [--list]

  --hop       only hops with this text in their name, such as stripe or "queue write-back"
  --fault     only these: ${FAULTS.join(", ")}
  --duration  only these: ${Object.keys(DURATIONS).join(", ")}
  --fleets    how many fleets work at the same time
  --list      says what would be done
  --json      appends each result as a line of JSON to this file
  --write     writes the table of docs/reliability.md, and works nothing

Without filters all functions are killed twenty times during 1,000 changes as well.
Exit code 0 means that everything ended as declared; 1 that something did not; 2 that an argument is wrong.`;

/** Problems of a cell that are printed. */
const SHOWN = 10;
const DOCUMENT = join(import.meta.dirname, "../docs/reliability.md");

async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      hop: { type: "string", multiple: true },
      fault: { type: "string", multiple: true },
      duration: { type: "string", multiple: true },
      fleets: { type: "string", default: "4" },
      list: { type: "boolean", default: false },
      json: { type: "string" },
      write: { type: "boolean", default: false },
    },
  });
  const fleets = wholeNumber("--fleets", values.fleets, 1, MOST_FLEETS);
  const template = await packagedTemplate();
  const hops = hopsOf(template.Resources);
  const all = cellsOf(hops);
  const cells = all.filter(
    ({ hop, fault, duration }) =>
      (values.hop?.some((text) => hop.id.includes(text)) ?? true) &&
      (values.fault?.includes(fault) ?? true) &&
      (values.duration?.includes(duration) ?? true),
  );
  if (values.list) {
    for (const cell of cells) console.log(`${nameOf(cell)}: ends ${cell.ending}`);
    return 0;
  }
  if (values.write) {
    writeFileSync(DOCUMENT, withTable(readFileSync(DOCUMENT, "utf8"), tableOf(hops)));
    return 0;
  }
  const began = Date.now();
  const say = (line: string) => console.log(`${elapsed(began)}  ${line}`);
  const file = values.json;
  const keep = (result: Result) => appendFileSync(file ?? "", `${JSON.stringify(plain(result))}\n`);
  const results = await workPacks(packsOf(cells), { fleets, say, ...(file ? { onResult: keep } : {}) });
  const bad = results.filter(({ problems }) => problems.length > 0);
  for (const { cell, problems } of bad) console.log(`\n${nameOf(cell)}\n  ${problems.slice(0, SHOWN).join("\n  ")}`);
  const unmet = results.filter(({ hits }) => hits === 0);
  console.log(
    `\n${results.length} cells in ${elapsed(began)}: ${bad.length} did not end as declared, ${unmet.length} were not met`,
  );
  const isWhole = cells.length === all.length;
  const lost = isWhole ? await killed(say) : [];
  return bad.length === 0 && lost.length === 0 ? 0 : 1;
}

/** A thousand changes, with all functions killed twenty times. */
async function killed(say: (line: string) => void): Promise<readonly string[]> {
  const world = await startWorld();
  const { problems, killed: count } = await killWhileChanging(world, { changes: 1_000, kills: 20, seed: 1 });
  await world.stop();
  say(`1000 changes, ${count} functions killed in the midst of their work: ${problems.length} problems`);
  for (const problem of problems.slice(0, SHOWN)) say(`  ${problem}`);
  return problems;
}

const nameOf = ({ hop, fault, duration }: Cell) => `${hop.id} · ${fault} · ${duration}`;
/** A result as JSON. */
const plain = ({ cell: { hop, fault, duration }, hits, problems, healedAfter }: Result) => ({
  hop: hop.id,
  fault,
  duration,
  hits,
  problems,
  healedAfter,
});

await runProgram("npm run test:faults", HELP, main);
