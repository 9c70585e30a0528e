import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { buildAlarms } from "../../scripts/serverless/alarms.ts";
import { TARGETS } from "../behind/marks.ts";
import { GATED_TARGETS } from "./targets.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const CALL = /\bopenGate\(/g;
const TARGET = /\bopenGate\(\{\s*target: "([a-z-]+)"/g;

test("every target that a function opens a gate to is measured and has its alarms, and no other", () => {
  const files = globSync("functions/**/*.ts", { cwd: ROOT, exclude: (name) => name.endsWith(".test.ts") });
  const texts = files.map((file) => readFileSync(join(ROOT, file), "utf8"));
  const opened = texts.flatMap((text) => [...text.matchAll(TARGET)].map(([, target]) => target));
  // A target that this test could not read would be missed.
  expect(opened).toHaveLength(texts.flatMap((text) => [...text.matchAll(CALL)]).length);
  expect([...new Set(opened)].sort()).toEqual([...GATED_TARGETS].sort());
  expect(GATED_TARGETS).toEqual(expect.arrayContaining([...TARGETS]));
  const settings = { prefix: "fleet", stage: "test", actions: [], feedSilentHours: 24, staleAfter: new Map() };
  const alarms = JSON.stringify(buildAlarms({ functions: [], queues: [], machines: [] }, settings));
  for (const target of GATED_TARGETS)
    expect([alarms.includes(`fleet-breaker-open-${target}`), alarms.includes(`fleet-key-refused-${target}`)]).toEqual([
      true,
      true,
    ]);
});
