import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { jsonSchemaOf } from "../../shared/contracts/event.ts";
import { events } from "../../shared/contracts/events.ts";
import { type ExemplifiedTask, payloadsOf } from "../../shared/contracts/task.ts";
import { tasks } from "../../statemachines/tasks.ts";
import { breakingChanges, payloadBreaks, type Schema } from "./compatibility.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const FOLDERS = ["docs/events", "docs/payloads"];

/** What stands in a file of `docs/payloads`. */
export interface Payloads {
  readonly input: Schema;
  readonly output: Schema;
  readonly examples: readonly { readonly input: unknown; readonly output: unknown }[];
}

/** A contract and its published file. */
export interface Published {
  /** Path within the repository. */
  readonly path: string;
  readonly text: string;
  /** What would break somebody who relies on the file as it was. */
  readonly breaks: (before: string) => readonly string[];
}

/** Every contract that is published. */
export const published: readonly Published[] = [
  ...events.map((event) => {
    const schema = jsonSchemaOf(event);
    const breaks = (before: string) =>
      breakingChanges(JSON.parse(before), schema).map(
        (change) => `${change}; a published event must stay, so make a new one.`,
      );
    return { path: `docs/events/${event.type}.json`, text: textOf(schema), breaks };
  }),
  ...tasks.map((task) => ({
    path: `docs/payloads/${task.name}.json`,
    text: textOf(payloadsOf(task)),
    breaks: (before: string) =>
      taskBreaks(JSON.parse(before), task).map(
        (change) => `${change}; a run of an older definition would fail, so expand first (AGENTS.md).`,
      ),
  })),
];

/** What a run of an older definition could not live with. */
export function taskBreaks(before: Payloads, task: ExemplifiedTask): string[] {
  const now = payloadsOf(task) as unknown as Payloads;
  const refused = before.examples.flatMap(({ input }, n) =>
    task.input.safeParse(input).success ? [] : [`examples[${n}].input: refused`],
  );
  return [
    ...payloadBreaks(before.input, now.input, "input"),
    ...payloadBreaks(before.output, now.output, "output"),
    ...refused,
  ];
}

/** The file as it is; undefined when there is none. */
export function read(path: string): string | undefined {
  const file = join(ROOT, path);
  return existsSync(file) ? readFileSync(file, "utf8") : undefined;
}

/** Published files whose contract is gone. */
export function abandoned(): string[] {
  const files = FOLDERS.flatMap((folder) => {
    const found = existsSync(join(ROOT, folder)) ? readdirSync(join(ROOT, folder)) : [];
    return found.filter((name) => name.endsWith(".json")).map((name) => `${folder}/${name}`);
  });
  return files.filter((file) => !published.some(({ path }) => path === file));
}

function textOf(document: object): string {
  return `${JSON.stringify(document, null, 2)}\n`;
}
