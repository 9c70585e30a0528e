import { readFileSync } from "node:fs";
import { cellsOf } from "../test/faults/cells.ts";
import { hopsOf } from "../test/faults/hops.ts";
import { laneOf, packsOf } from "../test/faults/packs.ts";
import { outageFor } from "../test/faults/troubles.ts";

const t = JSON.parse(readFileSync("/work/main/.serverless/cloudformation-template-update-stack.json", "utf8"));
const cells = cellsOf(hopsOf(t.Resources));
const packs = packsOf(cells);
const first = process.argv[2] ?? "";
const dur = process.argv[3];
const p = packs.find(
  (x) =>
    x[0]!.duration === dur &&
    x[0]!.hop.id.startsWith(first) &&
    x.length === Number(process.argv[4]) &&
    x[0]!.fault === process.argv[5],
)!;
for (const c of p) console.log(`${c.hop.id} | ${c.fault} | ${laneOf(c.hop)} ${outageFor(c.hop) ?? ""} ${c.ending}`);
