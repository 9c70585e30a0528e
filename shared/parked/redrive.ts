import type { Behind } from "../behind/behind.ts";
import { reconciliationRequested } from "../contracts/events.ts";
import type { CustomerStore } from "../customer-store.ts";
import { describeError, InvalidInputError, isRetryable } from "../errors.ts";
import { createEvent, type Publish, publishAll } from "../publish.ts";
import { type Plan, planRedrive } from "./plan.ts";
import type { SendToQueue } from "./send.ts";
import { targetOf } from "./state.ts";
import type { ParkedTable } from "./table.ts";
import { hasEnded, type ParkedItem } from "./work.ts";

/** Everything that redriving touches; whoever calls says who asks. */
export interface RedriveDependencies {
  readonly parked: Pick<ParkedTable, "read" | "move" | "noteSent">;
  readonly store: Pick<CustomerStore, "readMany">;
  readonly behind: Pick<Behind, "retryNow">;
  readonly send: SendToQueue;
  readonly publish: Publish;
  /** Name of the queue whose messages become runs of customer-sync. */
  readonly syncQueue: string;
  /** Who asks: a person's name, or `system:…`. */
  readonly actor: string;
  readonly now: () => Date;
  readonly newId: () => string;
  readonly pause: (ms: number) => Promise<unknown>;
}

export interface RedriveOptions {
  /** Says what would be done, and does nothing. */
  readonly dryRun?: boolean;
  /** Most pieces of work a second; absent: as fast as it goes. */
  readonly perSecond?: number;
  /** Called after every piece of work, in order. */
  readonly onResult?: (result: RedriveResult) => void;
}

type Done = "redriven" | "done" | "superseded" | "discarded" | "skipped" | "failed" | "missing";

/** What a dry run says in its place, so that nobody takes it for done. */
const WOULD = {
  redriven: "would-redrive",
  done: "would-close-as-done",
  superseded: "would-close-as-superseded",
  discarded: "would-discard",
  skipped: "would-skip",
  failed: "would-stay-parked",
  missing: "missing",
} as const satisfies Readonly<Record<Done, string>>;

/**
 * What became of one piece of work, or would. `failed` stays parked; `skipped` had ended already, so nothing is left to do; `missing`
 * is not there. `how` says in words what was done.
 */
export interface RedriveResult {
  readonly parkedId: string;
  readonly customerId?: string;
  readonly outcome: Done | (typeof WOULD)[Done];
  readonly how: string;
  /** Nothing of it was done. */
  readonly dryRun?: true;
}

/**
 * Takes parked work up again, one piece after the other: each customer is brought to its newest version, and an effect that
 * has happened is not repeated. A piece that cannot be taken up stays parked with the reason; the others go on.
 */
export function redrive(
  parkedIds: Iterable<string>,
  options: RedriveOptions,
  deps: RedriveDependencies,
): Promise<RedriveResult[]> {
  return eachOf(parkedIds, options, deps, (item) => redriveOne(item, options.dryRun ?? false, deps));
}

/** Gives parked work up for good, with a reason that its history keeps. */
export function discard(
  parkedIds: Iterable<string>,
  reason: string,
  options: RedriveOptions,
  deps: Pick<RedriveDependencies, "parked" | "actor" | "now" | "pause">,
): Promise<RedriveResult[]> {
  return eachOf(parkedIds, options, deps, async (item) => {
    const { parkedId, customerId } = item;
    const how = `given up: ${reason}`;
    if (options.dryRun) return { parkedId, customerId, outcome: "discarded", how };
    const step = { by: deps.actor, at: deps.now(), note: reason, seen: item };
    const { moved, status } = await deps.parked.move(parkedId, "discarded", step);
    if (!moved) return { parkedId, customerId, outcome: "skipped", how: `is ${status ?? "gone"}` };
    return { parkedId, customerId, outcome: "discarded", how };
  });
}

/** A result before it is said whether it came about. */
type Ended = RedriveResult & { readonly outcome: Done };

async function eachOf(
  parkedIds: Iterable<string>,
  { dryRun, perSecond, onResult }: RedriveOptions,
  { parked, pause }: Pick<RedriveDependencies, "parked" | "pause">,
  work: (item: ParkedItem) => Promise<Ended>,
): Promise<RedriveResult[]> {
  const results: RedriveResult[] = [];
  for (const parkedId of parkedIds) {
    if (perSecond && results.length > 0) await pause(1_000 / perSecond);
    const found = await openItem(parkedId, parked)
      .then((opened) => ("item" in opened ? work(opened.item) : opened.result))
      .catch((error): Ended => ({ parkedId, outcome: "failed", how: describeError(error).message }));
    const result: RedriveResult = dryRun ? { ...found, outcome: WOULD[found.outcome], dryRun } : found;
    results.push(result);
    onResult?.(result);
  }
  return results;
}

/** The piece of work while it is open, else what to say of it. */
async function openItem(
  parkedId: string,
  parked: Pick<ParkedTable, "read">,
): Promise<{ item: ParkedItem } | { result: Ended }> {
  const item = await parked.read(parkedId);
  if (!item) return { result: { parkedId, outcome: "missing", how: "there is no parked work with this id" } };
  const { customerId, status } = item;
  return hasEnded(status)
    ? { result: { parkedId, customerId, outcome: "skipped", how: `is ${status} already` } }
    : { item };
}

async function redriveOne(item: ParkedItem, dryRun: boolean, deps: RedriveDependencies): Promise<Ended> {
  const { parkedId, customerId } = item;
  const plan = planRedrive(item, await recordOf(item, deps), deps.syncQueue);
  const how = describePlan(plan);
  if (plan.kind === "impossible") return { parkedId, customerId, outcome: "failed", how };
  const outcome = plan.kind === "settled" ? plan.status : "redriven";
  if (dryRun) return { parkedId, customerId, outcome, how };
  // First the step, then the work: work that is parked again at once finds its item redriven.
  const step = { by: deps.actor, at: deps.now(), note: how, seen: item };
  const { moved, status } = await deps.parked.move(parkedId, outcome, step);
  if (!moved) return { parkedId, customerId, outcome: "skipped", how: `is ${status ?? "gone"}` };
  try {
    await carryOut(plan, item, deps);
  } catch (error) {
    const { message } = describeError(error);
    const note = `not redriven: ${message}${isRetryable(error) ? " (try again)" : ""}`;
    const seen = { ...item, status: "redriven", redrivenAt: step.at.toISOString() } as const;
    await deps.parked.move(parkedId, "parked", { by: deps.actor, at: deps.now(), note, seen });
    return { parkedId, customerId, outcome: "failed", how: message };
  }
  if (outcome !== "redriven") return { parkedId, customerId, outcome, how };
  // Without the note it is parked again after an hour, and may be sent twice: whoever gets it finds it done.
  const noted = deps.parked.noteSent(parkedId, step.at.toISOString(), deps.now());
  const lost = await noted.then(() => "", describeUnnoted);
  return { parkedId, customerId, outcome, how: how + lost };
}

function describeUnnoted(error: unknown): string {
  return ` (that could not be noted, so it may be parked again: ${describeError(error).message})`;
}

async function recordOf(item: ParkedItem, { store }: RedriveDependencies) {
  return targetOf(item) && (await store.readMany([item.customerId])).get(item.customerId);
}

async function carryOut(plan: Plan, item: ParkedItem, deps: RedriveDependencies): Promise<void> {
  const { parkedId, traceHeader } = item;
  if (plan.kind === "retry" && !(await deps.behind.retryNow(plan.customerId, plan.target)))
    throw new InvalidInputError(
      "NOT_DUE",
      `Customer ${plan.customerId} is not stored, or behind another target first.`,
    );
  if (plan.kind === "message") await deps.send(plan.queue, { parkedId, body: plan.body, traceHeader });
  if (plan.kind === "compare") await publishAll(deps.publish, [comparison(plan, deps)]);
}

function comparison({ orgId, entity, ids }: Extract<Plan, { kind: "compare" }>, deps: RedriveDependencies) {
  const eventId = deps.newId();
  const occurredAt = deps.now().toISOString();
  const metadata = { eventId, occurredAt, correlationId: eventId, causationId: eventId, orgId, actor: deps.actor };
  const data = { entity, reason: "manual" as const, full: false, ids: [...ids] };
  return createEvent(reconciliationRequested, metadata, data);
}

/** What a plan does, in words. */
function describePlan(plan: Plan): string {
  switch (plan.kind) {
    case "settled":
    case "impossible":
      return plan.why;
    case "retry":
      return `customer ${plan.customerId} is due for ${plan.target} now`;
    case "message":
      return `message goes back to ${plan.queue}`;
    case "compare":
      return plan.ids.length === 1
        ? `${plan.entity} ${plan.ids[0]} is read again`
        : `${plan.ids.length} records of ${plan.entity} are read again`;
  }
}
