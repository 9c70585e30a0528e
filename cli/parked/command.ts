import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import {
  discard,
  type RedriveDependencies,
  type RedriveOptions,
  type RedriveResult,
  redrive,
} from "../../shared/parked/redrive.ts";
import { createQueueSender } from "../../shared/parked/send.ts";
import { createPublisher } from "../../shared/publish.ts";
import { type Access, accessTo, whoAsks } from "../access.ts";
import { progressBar } from "../progress.ts";
import { type Stack, stackOf } from "../stack.ts";
import { painter } from "../trace/render.ts";
import { UsageError, wholeNumber } from "../usage.ts";
import { adviceFor } from "./advice.ts";
import { FILTER_HELP, FILTER_OPTIONS, type FilterValues, filterOf, resolveIds, search, statusOf } from "./filter.ts";
import { groupsOf, renderItem, renderList, renderResult, renderSummary } from "./render.ts";

export const summary = "work that waits for a person: list, show, redrive, discard";
export const help = `Work that could not be done, and that waiting does not mend. A newer version of its customer closes it by itself; the
rest is for a person.

usage: fleet parked [filters] [--status <s>] [--limit <n>]
       fleet parked show <id>
       fleet parked redrive <id …> | <filters> | --all
       fleet parked discard <id …> | <filters> | --all  --reason "…"

filters
${FILTER_HELP}

options
  --status <s>       list what is parked (default), redriven, done, superseded or discarded
  --limit <n>        list so many; default 20
  --all              redrive or discard everything that is parked
  --reason "…"       of discard: why it is given up; its history keeps it
  --dry-run          say what would be done, and do nothing
  --rate <n>         redrive or discard at most so many a second; default 10
  --json             the findings, or the results, as JSON
  --stage <s>        stage of the fleet; default: the fleet on this machine, else dev

An id may be shortened to a beginning of at least four characters that no other open work has; 'show' finds what has ended
by one too, if no open work begins so. 'redrive' brings the customer
to its newest version; what has happened already is not repeated. What has ended is kept for 90 days, and skipped; what is
open is kept for 180 days.
Exit codes: 0 done, 1 nothing found or something stayed parked (of a dry run: would stay), 2 wrong usage.`;

const OPTIONS = {
  ...FILTER_OPTIONS,
  reason: { type: "string" },
  status: { type: "string", default: "parked" },
  limit: { type: "string", default: "20" },
  all: { type: "boolean", default: false },
  "dry-run": { type: "boolean", default: false },
  rate: { type: "string", default: "10" },
  json: { type: "boolean", default: false },
  stage: { type: "string" },
} as const;

type Values = ReturnType<typeof parse>["values"];

/** What a verb works with. */
interface Request {
  readonly ids: readonly string[];
  readonly values: Values;
  readonly stack: Stack;
  readonly access: Access;
}

type Verb = (request: Request) => Promise<number>;

const VERBS: Readonly<Record<string, Verb>> = { list, show, redrive: redriveAll, discard: discardAll };

/** Runs `fleet parked`. */
export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parse(args);
  const [name = "list", ...ids] = positionals;
  const verb = Object.hasOwn(VERBS, name) ? VERBS[name] : undefined;
  if (!verb || (verb === list && ids.length > 0))
    throw new UsageError(`give one of show, redrive, discard; got '${name}'`);
  const stack = stackOf(values.stage);
  return verb({ ids, values, stack, access: accessTo(stack) });
}

function parse(args: string[]) {
  return parseArgs({ args, allowPositionals: true, options: OPTIONS });
}

async function list({ values, access }: Request): Promise<number> {
  const [now, limit, status] = [Date.now(), wholeNumber("--limit", values.limit, 1), statusOf(values.status)];
  const items = await search(access.parked, status, filterOf(withReason(values), now));
  if (values.json) {
    console.log(JSON.stringify({ total: items.length, groups: groupsOf(items, now), items }, null, 2));
    return 0;
  }
  console.log(
    items.length === 0 ? `Nothing is ${status}.` : renderList(items, { status, limit, now }, painter(process.stdout)),
  );
  return 0;
}

async function show({ ids, values, access }: Request): Promise<number> {
  if (ids.length !== 1) throw new UsageError("give the id of one piece of parked work");
  const [id = ""] = await resolveIds(access.parked, ids, { ended: true });
  const item = await access.parked.read(id);
  if (!item) {
    console.error(`There is no parked work '${id}'.`);
    return 1;
  }
  const whole = { ...item, advice: adviceFor(item) };
  console.log(values.json ? JSON.stringify(whole, null, 2) : renderItem(item, Date.now(), painter(process.stdout)));
  return 0;
}

async function redriveAll(request: Request): Promise<number> {
  const chosen = await choose(request, withReason(request.values));
  return report(request, chosen, "redriven", async (options) =>
    redrive(chosen, options, await dependenciesOf(request)),
  );
}

async function discardAll(request: Request): Promise<number> {
  const { reason } = request.values;
  if (!reason?.trim()) throw new UsageError("discard needs --reason, in words that others understand later");
  const chosen = await choose(request, request.values);
  return report(request, chosen, "discarded", async (options) =>
    discard(chosen, reason.trim(), options, await dependenciesOf(request)),
  );
}

/** Ids that were given, or everything parked that the filters let through. */
async function choose({ ids, values, access }: Request, filters: FilterValues): Promise<string[]> {
  const names = Object.keys(FILTER_OPTIONS) as (keyof FilterValues)[];
  const isFiltered = names.some((name) => filters[name] !== undefined);
  if ([ids.length > 0, isFiltered || values.all].filter(Boolean).length !== 1)
    throw new UsageError("give ids, or filters, or --all");
  if (ids.length > 0) return resolveIds(access.parked, ids);
  const found = await search(access.parked, "parked", filterOf(filters, Date.now()));
  return found.map(({ parkedId }) => parkedId);
}

async function report(
  { values }: Request,
  chosen: readonly string[],
  what: string,
  work: (options: RedriveOptions) => Promise<RedriveResult[]>,
): Promise<number> {
  const dryRun = values["dry-run"];
  const perSecond = wholeNumber("--rate", values.rate, 1, 1_000);
  const paint = painter(process.stdout);
  const bar = progressBar(chosen.length, dryRun ? "looked at" : what);
  const say = (result: RedriveResult) => console.log(renderResult(result, paint));
  // On a terminal the bar has the screen until it is done.
  let done = 0;
  const onResult = (result: RedriveResult) => {
    done += 1;
    if (bar.isShown || values.json) bar.show(done);
    else say(result);
  };
  const results = await work({ dryRun, perSecond, onResult }).finally(() => bar.end());
  if (values.json) console.log(JSON.stringify(results, null, 2));
  else if (bar.isShown) for (const result of results) say(result);
  if (!values.json) console.error(results.length > 0 ? renderSummary(results, dryRun) : "Nothing is parked that fits.");
  const isDone = ({ outcome }: RedriveResult) => outcome !== "failed" && outcome !== "missing";
  return results.length > 0 && results.every(isDone) ? 0 : 1;
}

async function dependenciesOf({ stack, access }: Request): Promise<RedriveDependencies> {
  const { options, parked, store, behind, sqs, events } = access;
  return {
    parked,
    store,
    behind,
    send: createQueueSender(sqs),
    publish: createPublisher(stack.bus, events),
    syncQueue: stack.name("customer-sync"),
    actor: await whoAsks(options),
    now: () => new Date(),
    newId: randomUUID,
    pause,
  };
}

/** Everywhere but in discard the reason is a filter. */
function withReason(values: Values): FilterValues {
  return { ...values, error: values.error ?? values.reason };
}
