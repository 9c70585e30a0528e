import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { jsonSchemaOf } from "../../shared/contracts/event.ts";
import { events } from "../../shared/contracts/events.ts";
import { breakingChanges } from "./compatibility.ts";

const FOLDER = join(import.meta.dirname, "..", "..", "docs", "events");
const HELP = `Writes the JSON Schema of every event to docs/events, unless that would break somebody who relies on it.

usage: npm run events [-- --check]

  --check  write nothing; exit 1 when a published schema differs from its contract`;

/** File name and schema of every event. */
const schemas = new Map(events.map((event) => [`${event.type}.json`, jsonSchemaOf(event)]));

function check(): string[] {
  const stale = [...schemas.keys()].filter((name) => read(name) !== textOf(name));
  return stale.map((name) => `docs/events/${name} differs from its contract; run 'npm run events'.`);
}

function write(): string[] {
  mkdirSync(FOLDER, { recursive: true });
  const broken = [...schemas].flatMap(([name, schema]) =>
    breakingChanges(JSON.parse(read(name) ?? JSON.stringify(schema)), schema).map(
      (change) => `docs/events/${name}: ${change}; a published event must stay, so make a new one.`,
    ),
  );
  if (broken.length > 0) return broken;
  for (const name of schemas.keys()) writeFileSync(join(FOLDER, name), textOf(name));
  console.log(`Wrote ${schemas.size} schemas to docs/events.`);
  return [];
}

/** Published events whose contract is gone. */
function abandoned(): string[] {
  const published = existsSync(FOLDER) ? readdirSync(FOLDER).filter((name) => name.endsWith(".json")) : [];
  return published.filter((name) => !schemas.has(name)).map((name) => `docs/events/${name} has lost its contract.`);
}

function read(name: string): string | undefined {
  const file = join(FOLDER, name);
  return existsSync(file) ? readFileSync(file, "utf8") : undefined;
}

function textOf(name: string): string {
  return `${JSON.stringify(schemas.get(name), null, 2)}\n`;
}

const { values } = parseArgs({ options: { check: { type: "boolean" }, help: { type: "boolean", short: "h" } } });
if (values.help) console.log(HELP);
else {
  const problems = [...abandoned(), ...(values.check ? check() : write())];
  for (const problem of problems) console.error(`error: ${problem}`);
  process.exitCode = problems.length > 0 ? 1 : 0;
}
