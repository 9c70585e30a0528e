import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { removeLeftovers } from "./leftovers.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "leftovers-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

test("what this process laid out for its functions goes, and nothing else", () => {
  const kept = [
    "flows-park-8-1795968748152-88e8d9be",
    "other-7-1795968748152-88e8d9be",
    "flows-park",
    "flows-park-7-1-8",
  ];
  for (const name of ["flows-park-7-1795968748152-88e8d9be", "flows-dispatch-7-1795968748153-00000000", ...kept])
    mkdirSync(join(folder, name, "functions"), { recursive: true });
  removeLeftovers(["flows-park", "flows-dispatch"], folder, 7);
  expect(readdirSync(folder).sort()).toEqual([...kept].sort());
});
