import { randomUUID } from "node:crypto";
import { targetRecovered, targetUnreachable } from "#shared/contracts/events.ts";
import { NO_ORG } from "#shared/contracts/metadata.ts";
import { createEvent, type Publish, publishAll } from "#shared/publish.ts";
import type { BreakerState, Breakers } from "#shared/targets/breakers.ts";

export interface TellDependencies {
  readonly publish: Publish;
  /** How many customers wait for a target. */
  readonly waiting: (target: string) => Promise<number>;
  readonly breakers: Pick<Breakers, "markTold">;
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
  const known = toldOf.some(({ needsPerson }) => needsPerson || !worst.needsPerson);
  let mine = !known;
  for (const one of open) if (!one.toldAt) mine = (await deps.breakers.markTold(one, "began")) && mine;
  if (!mine) return;
  const { target, endpoint, code, needsPerson } = worst;
  const data = { target, endpoint, since, reason: code, needsPerson, waiting: await deps.waiting(target) };
  await publishAll(deps.publish, [createEvent(targetUnreachable, metadataOf(deps), data)]);
}

async function tellEnd(group: readonly BreakerState[], deps: TellDependencies): Promise<void> {
  const ended = group.filter(({ toldAt, endToldAt }) => toldAt && !endToldAt);
  const [first] = ended.toSorted((a, b) => (a.since < b.since ? -1 : 1));
  let mine = first !== undefined;
  for (const one of ended) mine = (await deps.breakers.markTold(one, "ended")) && mine;
  if (!first || !mine) return;
  const until =
    ended
      .map(({ closedAt = "" }) => closedAt)
      .toSorted()
      .at(-1) ?? "";
  const { target, endpoint, since } = first;
  const data = { target, endpoint, since, until, neededPerson: ended.some(({ reason }) => reason === "refused") };
  await publishAll(deps.publish, [createEvent(targetRecovered, metadataOf(deps), data)]);
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
