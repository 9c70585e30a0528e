import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { removeUnused, unpackInline } from "./code.ts";

const DAY_MS = 86_400_000;

test("what nobody has used for a month goes, and what was used since stays", () => {
  const folder = mkdtempSync(join(tmpdir(), "work-"));
  const now = Date.now();
  for (const [name, days] of [
    ["old", 31],
    ["recent", 29],
  ] as const) {
    mkdirSync(join(folder, name, "functions"), { recursive: true });
    utimesSync(join(folder, name), new Date(now - days * DAY_MS), new Date(now - days * DAY_MS));
  }
  removeUnused(folder, now);
  expect(readdirSync(folder)).toEqual(["recent"]);
  rmSync(folder, { recursive: true });
  expect(() => removeUnused(folder, now)).not.toThrow();
});

test("a package that is unpacked once more counts as used", () => {
  const { folder } = unpackInline("export const handler = () => 'used';");
  const longAgo = new Date(Date.now() - 60 * DAY_MS);
  utimesSync(folder, longAgo, longAgo);
  unpackInline("export const handler = () => 'used';");
  removeUnused();
  expect(readdirSync(folder)).toEqual(["index.js"]);
});
