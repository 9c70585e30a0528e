import { parseArgs } from "node:util";
import { type Access, accessTo } from "../access.ts";
import { chooseOrgs, type Stack, stackOf } from "../stack.ts";
import { columns, count, printable } from "../text.ts";
import { type Paint, painter } from "../trace/render.ts";
import type { Work } from "../usage.ts";
import { lineOfAlarms } from "./alarms.ts";
import { CATCH_UP } from "./catch-up.ts";
import { type Line, optional } from "./line.ts";
import { lineOfAges, lineOfQueues, readQueues } from "./queues.ts";
import { lineOfBehind, lineOfBreakers, lineOfParked } from "./recovery.ts";

export const summary = "says in ten lines whether all is well";
export const help = `Says in ten lines whether all is well: queues and their oldest messages, what
waits by itself and for a person, circuit breakers, alarms, the feeds from
Salesforce, and each organisation's daily API calls. Changes nothing; costs one
API call for each organisation.

usage: fleet status [options]

  --json        the findings as JSON
  --stage <s>   stage of the fleet; default: the fleet on this machine, else dev

✓ is well, ✗ is not, · cannot be told or was never there, which is nobody's
alarm.
Exit codes: 0 all is well, 1 something is not, 2 wrong usage.`;

const MARKS = { well: ["green", "✓"], bad: ["red", "✗"], unknown: ["dim", "·"] } as const;

/** The alarm of a silent feed looks at whole hours, so it stays on for one after a change. */
const CLEARED_MS = 75 * 60_000;

/** Reads the arguments of `fleet status`. */
export function prepare(args: string[]): Work {
  const options = { stage: { type: "string" }, json: { type: "boolean", default: false } } as const;
  const { values } = parseArgs({ args, options });
  return async () => {
    const stack = stackOf(values.stage);
    const lines = await lookAt(stack, accessTo(stack), Date.now());
    const isWell = lines.every(({ ok }) => ok !== false);
    console.log(values.json ? JSON.stringify({ ok: isWell, lines }, null, 2) : render(lines, painter(process.stdout)));
    return isWell ? 0 : 1;
  };
}

async function lookAt(stack: Stack, access: Access, now: number): Promise<Line[]> {
  const { options, sqs } = access;
  // First what says that there is no such fleet, or no way to it.
  const queues = await readQueues(sqs, stack);
  // Loaded here, because the other commands need nothing of it.
  const { lineOfEvents, linesOfOrgs, readLastCapture } = await import("./feeds.ts");
  const captured = readLastCapture(stack, options, now);
  const lines = await Promise.all([
    lineOfQueues(queues),
    optional("oldest", () => lineOfAges(queues, options, now)),
    lineOfBehind(access, now),
    lineOfParked(access, now),
    lineOfBreakers(access, now),
    optional("events", async () => lineOfEvents(await captured, now)),
  ]);
  const orgs = await chooseOrgs(stack, undefined).catch(() => []);
  const feeds = await linesOfOrgs(orgs, stack, access, now);
  const heard = await captured.catch(() => undefined);
  const isHeard = heard !== undefined && now - heard.getTime() < CLEARED_MS;
  const isRead = isHeard || feeds.some(({ name, ok }) => name === CATCH_UP && ok === true);
  // Most of the time none is on.
  const alarms = await optional("alarms", () => lineOfAlarms(stack, options, isRead));
  return [...lines, ...(alarms.ok ? [] : [alarms]), ...feeds];
}

function render(lines: readonly Line[], paint: Paint): string {
  const names = columns(lines.map(({ name }) => [name, "|"])).map((line) => line.slice(0, -1));
  const rows = lines.map(({ ok, text, advice }, index) => {
    const [colour, mark] = MARKS[ok === undefined ? "unknown" : ok ? "well" : "bad"];
    return `${paint(colour, mark)} ${names[index]}${printable(text)}${advice ? ` ${paint("yellow", `→ ${printable(advice)}`)}` : ""}`;
  });
  const bad = lines.filter(({ ok }) => ok === false).length;
  return [
    ...rows,
    paint("bold", bad === 0 ? "All is well." : `${count(bad, "thing is", "things are")} not well.`),
  ].join("\n");
}
