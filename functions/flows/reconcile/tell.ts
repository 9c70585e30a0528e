import { randomUUID } from "node:crypto";
import { targetRecovered, targetUnreachable } from "#shared/contracts/events.ts";
import { NO_ORG } from "#shared/contracts/metadata.ts";
import { createEvent, type OutgoingEvent, type Publish, publishAll } from "#shared/publish.ts";
import { FLAP_MS } from "#shared/targets/breaker.ts";
import type { BreakerState, Breakers } from "#shared/targets/breakers.ts";

export interface TellDependencies {
  readonly publish: Publish;
  /** How many customers wait for a target, or for one endpoint of it that is a target of its own. */
  readonly waiting: (target: string, endpoint: string) => Promise<number>;
  readonly breakers: Pick<Breakers, "markTold" | "unmarkTold">;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** A shorter outage is nobody's business: what waits has hardly noticed. */
const WORTH_TELLING_MS = 60_000;

/**
 * Tells people once that a target cannot be reached, and once that it can again. Billing has several endpoints with a
 * breaker each, but is one thing to people.
 * @throws the fleet's errors when the bus or the table does not take it; it is told with the next run
 */
export async function tellOutages(breakers: readonly BreakerState[], deps: TellDependencies): Promise<void> {
  const groups = Map.groupBy(breakers, ({ target, endpoint }) =>
    target === "billing" ? target : `${target} ${endpoint}`,
  );
  for (const [, group] of groups) {
    const open = group.filter(({ state }) => state !== "closed");
    if (open.length > 0) await tellBegin(group, open, deps);
    else await tellEnd(group, deps);
  }
}

async function tellBegin(
  group: readonly BreakerState[],
  open: readonly BreakerState[],
  deps: TellDependencies,
): Promise<void> {
  const worst = open.toSorted(bySeverity)[0];
  const since = open.map((one) => one.since).toSorted()[0] ?? "";
  const isNews = worst?.needsPerson || deps.now() - Date.parse(since) >= WORTH_TELLING_MS;
  if (!worst || !isNews) return;
  const toldOf = group.filter(({ toldAt, endToldAt }) => toldAt && !endToldAt);
  const untold = open.filter(({ toldAt }) => !toldAt);
  if (toldOf.some(({ needsPerson }) => needsPerson || !worst.needsPerson)) {
    for (const one of untold) await deps.breakers.markTold(one, "began");
    return;
  }
  const { target, endpoint, code, needsPerson } = worst;
  const waiting = await deps.waiting(target, endpoint);
  const data = { target, endpoint, since, reason: code, needsPerson, waiting };
  await tellOnce(untold, "began", createEvent(targetUnreachable, metadataOf(deps), data), deps);
}

async function tellEnd(group: readonly BreakerState[], deps: TellDependencies): Promise<void> {
  const until =
    group
      .map(({ closedAt = "" }) => closedAt)
      .toSorted()
      .at(-1) ?? "";
  // Until then it may fail again, and that would be the same outage.
  if (deps.now() - Date.parse(until) < FLAP_MS) return;
  const ended = group.filter(({ toldAt, endToldAt }) => toldAt && !endToldAt);
  const [first] = ended.toSorted((a, b) => (a.since < b.since ? -1 : 1));
  if (!first) return;
  const last =
    ended
      .map(({ closedAt = "" }) => closedAt)
      .toSorted()
      .at(-1) ?? "";
  const { target, endpoint, since } = first;
  const neededPerson = ended.some(({ reason }) => reason === "refused");
  const data = { target, endpoint, since, until: last, neededPerson };
  await tellOnce(ended, "ended", createEvent(targetRecovered, metadataOf(deps), data), deps);
}

/** Tells unless another round, which marked the first of them, is telling it; what cannot be told is left to the next one. */
async function tellOnce(
  outages: readonly BreakerState[],
  what: "began" | "ended",
  event: OutgoingEvent,
  { breakers, publish }: TellDependencies,
): Promise<void> {
  const mine: BreakerState[] = [];
  try {
    for (const one of outages) if (await breakers.markTold(one, what)) mine.push(one);
    if (mine[0] && mine[0] === outages[0]) await publishAll(publish, [event]);
  } catch (error) {
    for (const one of mine) await breakers.unmarkTold(one, what);
    throw error;
  }
}

function metadataOf({ now }: TellDependencies) {
  const eventId = randomUUID();
  const occurredAt = new Date(now()).toISOString();
  return {
    eventId,
    occurredAt,
    correlationId: eventId,
    causationId: eventId,
    orgId: NO_ORG,
    actor: "system:reconcile",
  };
}

function bySeverity(a: BreakerState, b: BreakerState): number {
  return Number(b.needsPerson) - Number(a.needsPerson) || (a.since < b.since ? -1 : 1);
}
