import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { packagedTemplate } from "../support/fleet.ts";
import { APART, apartOf } from "./apart.ts";
import { cellsOf, DURATIONS, FAULTS } from "./cells.ts";
import { type Hop, hopsOf } from "./hops.ts";
import { type Result, workPacks } from "./matrix.ts";
import { packsOf } from "./packs.ts";
import { sampleOf } from "./sample.ts";
import { tableOf, withTable } from "./table.ts";

const DOCUMENT = join(import.meta.dirname, "../../docs/reliability.md");

let hops: Hop[];

beforeAll(async () => {
  hops = hopsOf((await packagedTemplate()).Resources);
}, 120_000);

describe("the sample of the matrix", () => {
  let results: Result[];

  beforeAll(async () => {
    results = await workPacks(sampleOf(cellsOf(hops)), { fleets: 2, say: () => undefined });
  }, 600_000);

  test("ends as declared: every system equals Salesforce, with one customer per account and no write beyond versions", () => {
    const bad = results.filter(({ problems }) => problems.length > 0);
    expect(bad.map(({ cell: { hop, fault, duration }, problems }) => [hop.id, fault, duration, problems])).toEqual([]);
  });

  test("has every hop, every fault and every duration", () => {
    const values = (of: (result: Result) => string) => [...new Set(results.map(of))].sort();
    const worked = hops.filter((hop) => !apartOf(hop));
    expect(values(({ cell }) => cell.hop.id)).toEqual(worked.map(({ id }) => id).sort());
    expect(values(({ cell }) => cell.fault)).toEqual([...FAULTS].sort());
    expect(values(({ cell }) => cell.duration)).toEqual(Object.keys(DURATIONS).sort());
  });
});

test("every cell is worked once, with others of its duration", () => {
  const cells = cellsOf(hops);
  const packs = packsOf(cells);
  expect(new Set(packs.flat())).toEqual(new Set(cells));
  expect(packs.flat()).toHaveLength(cells.length);
  expect(packs.filter((pack) => new Set(pack.map(({ duration }) => duration)).size !== 1)).toEqual([]);
});

test("what has no cells of its own is there, and tested elsewhere", () => {
  for (const { hops: pattern, test: suite } of APART) {
    expect([pattern, hops.some(({ id }) => pattern.test(id))]).toEqual([pattern, true]);
    expect([suite, existsSync(join(import.meta.dirname, "../..", suite))]).toEqual([suite, true]);
  }
});

test("the table in the documentation is the one of the template: npm run test:faults -- --write", () => {
  const document = readFileSync(DOCUMENT, "utf8");
  expect(document).toBe(withTable(document, tableOf(hops)));
});

test("the documentation explains every fault of the table, and every end", () => {
  const [head = [], , ...rows] = tableOf(hops).split("\n\n")[0]?.split("\n").slice(1).map(cellsOfRow) ?? [];
  const explained = new Set(
    readFileSync(DOCUMENT, "utf8")
      .split("<!--")[0]
      ?.split("\n")
      .map((line) => cellsOfRow(line)[0]),
  );
  const words = new Set([...head.slice(1), ...rows.flatMap((row) => row.slice(1))]);
  expect([...words].filter((word) => !explained.has(word))).toEqual([]);
});

const cellsOfRow = (row: string) =>
  row
    .split("|")
    .slice(1, -1)
    .map((cell) => cell.trim());
