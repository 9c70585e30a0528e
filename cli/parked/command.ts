import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { parseArgs } from "node:util";
import { discard, type RedriveDependencies, type RedriveResult, redrive } from "../../shared/parked/redrive.ts";
import { createQueueSender } from "../../shared/parked/send.ts";
import { createPublisher } from "../../shared/publish.ts";
import { type Access, accessTo, whoAsks } from "../access.ts";
import { progressBar } from "../progress.ts";
import { type Stack, stackOf } from "../stack.ts";
import { painter } from "../trace/render.ts";
import { UsageError, type Work, wholeNumber } from "../usage.ts";
import { adviceFor } from "./advice.ts";
import { checkIds, FILTER_OPTIONS, type FilterValues, filterOf, resolveIds, search, statusOf } from "./filter.ts";
import { groupsOf, renderItem, renderList, renderResult, renderSummary } from "./render.ts";

export { help, parts } from "./help.ts";
export const summary = "work that waits for a person: list, show, redrive, discard";

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

const FILTERS = [...Object.keys(FILTER_OPTIONS), "reason"];
const CHOOSING = [...FILTERS, "all", "dry-run", "rate"];
/** What only some verbs take; nobody shall believe that it was heeded. */
const TAKES: Readonly<Record<string, readonly string[]>> = {
  list: [...FILTERS, "status", "limit"],
  show: [],
  redrive: CHOOSING,
  discard: CHOOSING,
};

/** How what is asked for stays undone. */
const UNDONE: ReadonlySet<RedriveResult["outcome"]> = new Set(["failed", "would-stay-parked", "missing"]);

type Values = ReturnType<typeof parse>["values"];

/** What a verb works with, once its arguments are right. */
interface Connected {
  readonly stack: Stack;
  readonly access: Access;
}

/** Reads the arguments of a verb. */
type Verb = (ids: readonly string[], values: Values) => (connected: Connected) => Promise<number>;

const VERBS: Readonly<Record<string, Verb>> = { list, show, redrive: redriveAll, discard: discardAll };

/** Reads the arguments of `fleet parked`. */
export function prepare(args: string[]): Work {
  const { values, positionals, tokens } = parse(args);
  const [name = "list", ...ids] = positionals;
  const verb = Object.hasOwn(VERBS, name) ? VERBS[name] : undefined;
  if (!verb || (verb === list && ids.length > 0))
    throw new UsageError(`give one of show, redrive, discard; got '${name}'`);
  for (const token of tokens)
    if (token.kind === "option" && !["json", "stage", ...(TAKES[name] ?? [])].includes(token.name))
      throw new UsageError(`'${name}' takes no --${token.name}`);
  const work = verb(ids, values);
  return () => {
    const stack = stackOf(values.stage);
    return work({ stack, access: accessTo(stack) });
  };
}

function parse(args: string[]) {
  return parseArgs({ args, allowPositionals: true, tokens: true, options: OPTIONS });
}

function list(_ids: readonly string[], values: Values) {
  const [now, limit, status] = [Date.now(), wholeNumber("--limit", values.limit, 1), statusOf(values.status)];
  const filter = filterOf(withReason(values), now);
  return async ({ access }: Connected) => {
    const items = await search(access.parked, status, filter);
    const text = () => renderList(items, { status, limit, now }, painter(process.stdout));
    if (values.json) console.log(JSON.stringify({ total: items.length, groups: groupsOf(items, now), items }, null, 2));
    else console.log(items.length === 0 ? `Nothing is ${status}.` : text());
    return 0;
  };
}

function show(ids: readonly string[], values: Values) {
  if (ids.length !== 1) throw new UsageError("give the id of one piece of parked work");
  checkIds(ids);
  return async ({ access }: Connected) => {
    const [id = ""] = await resolveIds(access.parked, ids, { ended: true });
    const item = await access.parked.read(id);
    if (!item) {
      console.error(`There is no parked work '${id}'.`);
      return 1;
    }
    const whole = { ...item, advice: adviceFor(item) };
    console.log(values.json ? JSON.stringify(whole, null, 2) : renderItem(item, Date.now(), painter(process.stdout)));
    return 0;
  };
}

function redriveAll(ids: readonly string[], values: Values) {
  return takeUp(ids, values, withReason(values), "redriven", redrive);
}

function discardAll(ids: readonly string[], values: Values) {
  const reason = values.reason?.trim();
  if (!reason) throw new UsageError("discard needs --reason, in words that others understand later");
  return takeUp(ids, values, values, "discarded", (chosen, options, deps) => discard(chosen, reason, options, deps));
}

/** Works at the ids that were given, or at everything parked that the filters let through. */
function takeUp(ids: readonly string[], values: Values, filters: FilterValues, what: string, work: typeof redrive) {
  const names = Object.keys(FILTER_OPTIONS) as (keyof FilterValues)[];
  const isFiltered = names.some((name) => filters[name] !== undefined);
  if ([ids.length > 0, isFiltered || values.all].filter(Boolean).length !== 1)
    throw new UsageError("give ids, or filters, or --all");
  checkIds(ids);
  const filter = filterOf(filters, Date.now());
  const options = { dryRun: values["dry-run"], perSecond: wholeNumber("--rate", values.rate, 1, 1_000) };
  const nothing = isFiltered ? "Nothing is parked that fits." : "Nothing is parked.";
  return async (connected: Connected) => {
    const { parked } = connected.access;
    const found = ids.length > 0 ? [] : await search(parked, "parked", filter);
    const chosen = ids.length > 0 ? await resolveIds(parked, ids) : found.map(({ parkedId }) => parkedId);
    if (chosen.length === 0) {
      if (values.json) console.log("[]");
      else console.error(nothing);
      return 0;
    }
    const deps = await dependenciesOf(connected);
    return report(chosen.length, values.json, options.dryRun ? "looked at" : what, (onResult) =>
      work(chosen, { ...options, onResult }, deps),
    );
  };
}

/** Shows each result as it comes, and then how many ended how. */
async function report(
  total: number,
  json: boolean,
  what: string,
  work: (onResult: (result: RedriveResult) => void) => Promise<RedriveResult[]>,
): Promise<number> {
  const paint = painter(process.stdout);
  const bar = progressBar(total, what);
  const say = (result: RedriveResult) => console.log(renderResult(result, paint));
  // On a terminal the bar has the screen until it is done.
  let done = 0;
  const onResult = (result: RedriveResult) => {
    done += 1;
    if (bar.isShown || json) bar.show(done);
    else say(result);
  };
  const results = await work(onResult).finally(() => bar.end());
  if (json) console.log(JSON.stringify(results, null, 2));
  else if (bar.isShown) for (const result of results) say(result);
  if (!json) console.error(renderSummary(results));
  return results.some(({ outcome }) => UNDONE.has(outcome)) ? 1 : 0;
}

async function dependenciesOf({ stack, access }: Connected): Promise<RedriveDependencies> {
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
