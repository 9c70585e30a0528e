import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { UsageError, wholeNumber } from "../cli/usage.ts";
import { hopsOf } from "../test/faults/hops.ts";
import { elapsed, MOST_FLEETS, type Result, workPacks } from "../test/faults/matrix.ts";
import { packsOf } from "../test/faults/packs.ts";
import { tooWide } from "../test/permissions/aws.ts";
import { grantsOf } from "../test/permissions/grants.ts";
import { type Proven, proofsOf } from "../test/permissions/proofs.ts";
import { tableOf, withTable, wordsOf } from "../test/permissions/table.ts";
import { workSteps } from "../test/permissions/work.ts";
import { packagedTemplate } from "../test/support/fleet.ts";
import { runProgram } from "./program.ts";

const HELP = `Takes every permission of the packaged template away, one at a time for each role, and looks who misses it.

usage: npm run test:permissions -- [--role <text>]... [--action <text>]... [--fleets 2] [--list | --write]

  --role    only those of functions, machines and queues with this text in their name, such as billing
  --action  only actions with this text in their name, such as dynamodb: or PutItem
  --fleets  how many fleets work at the same time
  --list    says what shows of each that it is needed, and works nothing
  --write   writes the table of docs/security.md, and works nothing

Exit code 0 means that every permission is needed and none is wider than it may be; 1 that one was missed by nobody, has
no proof or is too wide; 2 that an argument is wrong.`;

const DOCUMENT = join(import.meta.dirname, "../docs/security.md");

async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      role: { type: "string", multiple: true },
      action: { type: "string", multiple: true },
      fleets: { type: "string", default: "2" },
      list: { type: "boolean", default: false },
      write: { type: "boolean", default: false },
    },
  });
  const fleets = wholeNumber("--fleets", values.fleets, 1, MOST_FLEETS);
  const { Resources } = await packagedTemplate();
  const grants = grantsOf(Resources);
  const all = proofsOf(grants, hopsOf(Resources));
  if (values.write) {
    writeFileSync(DOCUMENT, withTable(readFileSync(DOCUMENT, "utf8"), tableOf(all)));
    return 0;
  }
  const chosen = all.filter(
    ({ grant: { holder, action } }) =>
      (values.role?.some((text) => holder.includes(text)) ?? true) &&
      (values.action?.some((text) => action.name.includes(text)) ?? true),
  );
  if (chosen.length === 0) throw new UsageError("no permission of the template has these names");
  const wide = tooWide(chosen.map(({ grant }) => grant));
  for (const line of wide) console.log(`too wide: ${line}`);
  const unproven = chosen.filter(({ proof }) => !proof);
  for (const { grant } of unproven) console.log(`no proof: ${grant.id}`);
  if (values.list) for (const { grant, proof } of chosen) console.log(`${grant.id}: ${wordsOf(proof)}`);
  const unmissed = values.list ? [] : await work(chosen, fleets);
  for (const id of unmissed) console.log(`missed by nobody: ${id}`);
  return wide.length + unproven.length + unmissed.length > 0 ? 1 : 0;
}

/** Works every run. @returns the permissions that nobody missed */
async function work(chosen: readonly Proven[], fleets: number): Promise<string[]> {
  const began = Date.now();
  const say = (line: string) => console.log(`${elapsed(began)}  ${line}`);
  const steps = await workSteps(chosen, say);
  const cells = new Set(chosen.flatMap(({ proof }) => (proof?.by === "matrix" ? proof.cells : [])));
  const together = metBy(await workPacks(packsOf([...cells]), { fleets, say }));
  // What lies behind another permission that is taken away is reached by nobody: once more alone.
  const alone = [...cells].filter((cell) => !together.has(cell)).map((cell) => [cell]);
  const met = new Set([...together, ...metBy(await workPacks(alone, { fleets, say }))]);
  const unmissed = chosen.flatMap(({ grant, proof }) => {
    if (proof?.by === "matrix") return proof.cells.some((cell) => met.has(cell)) ? [] : [grant.id];
    return proof?.by === "step" && !steps.has(grant) ? [grant.id] : [];
  });
  const demanded = chosen.filter(({ proof }) => proof?.by === "aws").length;
  const missed = chosen.length - demanded - unmissed.length;
  console.log(
    `\n${chosen.length} permissions in ${elapsed(began)}: ${missed} were missed when they were taken away, ${demanded} are demanded by AWS's documentation, ${unmissed.length} were missed by nobody`,
  );
  return unmissed;
}

const metBy = (results: readonly Result[]) => new Set(results.flatMap(({ cell, hits }) => (hits > 0 ? [cell] : [])));

await runProgram("npm run test:permissions", HELP, main);
