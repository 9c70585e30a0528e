import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";

/** A packager that notes its arguments and writes what serverless writes; `packager.json` says how else it behaves. */
const PACKAGER = `
const fs = require("node:fs");
const { fail, during } = JSON.parse(fs.readFileSync("packager.json", "utf8"));
fs.appendFileSync("calls", JSON.stringify(process.argv.slice(2)) + "\\n");
if (fail) {
  console.error(fail);
  process.exit(1);
}
fs.rmSync(".serverless", { recursive: true, force: true });
fs.mkdirSync(".serverless");
fs.writeFileSync(".serverless/cloudformation-template-update-stack.json", JSON.stringify({ stage: process.argv[4] }));
if (during) fs.appendFileSync(during, "// edited meanwhile");
`;

let root: string;
let packageFleet: (stage: string, say?: (line: string) => void) => Promise<{ template: string; artifacts: string }>;

const write = (name: string, text: string) => {
  mkdirSync(dirname(join(root, name)), { recursive: true });
  writeFileSync(join(root, name), text);
};
const behave = (members: { fail?: string; during?: string }) => write("packager.json", JSON.stringify(members));
const calls = () =>
  existsSync(join(root, "calls")) ? readFileSync(join(root, "calls"), "utf8").trim().split("\n") : [];

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "fleet-package-"));
  for (const name of [
    "serverless.yml",
    "package-lock.json",
    "functions/a/work.ts",
    "shared/deep/er/b.ts",
    "resources/c.yml",
  ])
    write(name, name);
  write("node_modules/serverless/bin/serverless.js", PACKAGER);
  behave({});
  mkdirSync(join(root, "local"));
  cpSync(join(import.meta.dirname, "packaging.ts"), join(root, "local", "packaging.ts"));
  ({ packageFleet } = await import(join(root, "local", "packaging.ts")));
});
afterEach(() => rmSync(root, { recursive: true }));

describe("packaging", () => {
  test("says so, packages the stage and tells where it lies", async () => {
    const said: string[] = [];
    const result = await packageFleet("local", (line) => said.push(line));
    expect(result.artifacts).toBe(join(root, ".serverless"));
    expect(JSON.parse(readFileSync(result.template, "utf8"))).toEqual({ stage: "local" });
    expect([said, calls()]).toEqual([["Packaging the functions …"], ['["package","--stage","local"]']]);
  });

  test("is not done twice from the same sources", async () => {
    const first = await packageFleet("local");
    const said: string[] = [];
    expect(await packageFleet("local", (line) => said.push(line))).toEqual(first);
    expect([said, calls().length]).toEqual([[], 1]);
  });

  test.each(["serverless.yml", "package-lock.json", "functions/a/work.ts", "shared/deep/er/b.ts", "resources/c.yml"])(
    "is done again after a change of %s",
    async (name) => {
      await packageFleet("local");
      appendFileSync(join(root, name), "changed");
      await packageFleet("local");
      expect(calls()).toHaveLength(2);
    },
  );

  test("is done again for a new file, a removed one and another stage", async () => {
    await packageFleet("local");
    write("statemachines/new/definition.asl.json", "{}");
    await packageFleet("local");
    rmSync(join(root, "functions/a/work.ts"));
    await packageFleet("local");
    await packageFleet("prod");
    expect(calls()).toHaveLength(4);
  });

  test("does not mind tests", async () => {
    await packageFleet("local");
    write("functions/a/work.test.ts", "new");
    await packageFleet("local");
    expect(calls()).toHaveLength(1);
  });

  test("is done again when somebody else packaged or cleaned up meanwhile", async () => {
    const { template, artifacts } = await packageFleet("local");
    writeFileSync(template, '{"stage":"prod"}');
    await packageFleet("local");
    rmSync(artifacts, { recursive: true });
    await packageFleet("local");
    expect(calls()).toHaveLength(3);
  });

  test("is done again when a source changed while it was packaged", async () => {
    behave({ during: "functions/a/work.ts" });
    await packageFleet("local");
    behave({});
    await packageFleet("local");
    expect(calls()).toHaveLength(2);
  });

  test("that fails shows the end of what the packager said, and is tried again", async () => {
    behave({ fail: Array.from({ length: 30 }, (_, n) => `line ${n + 1}`).join("\n") });
    const failed = packageFleet("local");
    await expect(failed).rejects.toThrow(/^serverless package --stage local failed:\nline 16\n[\s\S]*line 30$/);
    behave({});
    await packageFleet("local");
    expect(calls()).toHaveLength(2);
  });

  test("asked for twice at once is done once, as the packager works in one folder", async () => {
    await Promise.all([packageFleet("local"), packageFleet("local"), packageFleet("local")]);
    expect(calls()).toHaveLength(1);
    expect(existsSync(join(root, ".serverless.lock"))).toBe(false);
  });

  test("does not wait for a process that died with the lock", async () => {
    write(".serverless.lock", "99999999");
    await packageFleet("local");
    expect(calls()).toHaveLength(1);
  });
});
