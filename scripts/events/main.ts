import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { abandoned, published, read } from "./published.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const HELP = `Writes the JSON Schema of every event to docs/events, and of what state machines hand to functions and read
of them to docs/payloads, unless that would break somebody who relies on it.

usage: npm run events [-- --check]

  --check  write nothing; exit 1 when a published schema differs from its contract`;

function check(): string[] {
  const stale = published.filter(({ path, text }) => read(path) !== text);
  return stale.map(({ path }) => `${path} differs from its contract; run 'npm run events'.`);
}

function write(): string[] {
  const broken = published.flatMap(({ path, text, breaks }) =>
    breaks(read(path) ?? text).map((change) => `${path}: ${change}`),
  );
  if (broken.length > 0) return broken;
  for (const { path, text } of published) {
    mkdirSync(dirname(join(ROOT, path)), { recursive: true });
    writeFileSync(join(ROOT, path), text);
  }
  console.log(`Wrote ${published.length} schemas to docs/events and docs/payloads.`);
  return [];
}

const { values } = parseArgs({ options: { check: { type: "boolean" }, help: { type: "boolean", short: "h" } } });
if (values.help) console.log(HELP);
else {
  const lost = abandoned().map((path) => `${path} has lost its contract.`);
  const problems = [...lost, ...(values.check ? check() : write())];
  for (const problem of problems) console.error(`error: ${problem}`);
  process.exitCode = problems.length > 0 ? 1 : 0;
}
