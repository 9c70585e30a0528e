import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { jsonSchemaOf } from "../shared/contracts/event.ts";
import { events } from "../shared/contracts/events.ts";

const FOLDER = join(import.meta.dirname, "..", "docs", "events");
const HELP = `Writes the JSON Schema of every event to docs/events.

usage: npm run events [-- --check]

  --check  write nothing; exit 1 when a published schema differs from its contract`;

/** File name and content of every published schema. */
function schemas(): Map<string, string> {
  return new Map(events.map((event) => [`${event.type}.json`, `${JSON.stringify(jsonSchemaOf(event), null, 2)}\n`]));
}

function check(): number {
  const wanted = schemas();
  const published = new Set(readdirSync(FOLDER).filter((name) => name.endsWith(".json")));
  const stale = [...wanted].filter(([name, text]) => !published.has(name) || read(name) !== text).map(([name]) => name);
  const orphans = [...published].filter((name) => !wanted.has(name));
  for (const name of stale) console.error(`docs/events/${name} differs from its contract; run 'npm run events'.`);
  for (const name of orphans) console.error(`docs/events/${name} belongs to no contract; a published event must stay.`);
  return stale.length + orphans.length > 0 ? 1 : 0;
}

function read(name: string): string {
  return readFileSync(join(FOLDER, name), "utf8");
}

function write(): void {
  mkdirSync(FOLDER, { recursive: true });
  for (const [name, text] of schemas()) writeFileSync(join(FOLDER, name), text);
  console.log(`Wrote ${schemas().size} schemas to docs/events.`);
}

const { values } = parseArgs({ options: { check: { type: "boolean" }, help: { type: "boolean", short: "h" } } });
if (values.help) console.log(HELP);
else if (values.check) process.exitCode = check();
else write();
