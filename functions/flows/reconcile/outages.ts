import type { BehindCustomer, DueOptions } from "#shared/behind/behind-index.ts";
import type { Target } from "#shared/behind/marks.ts";
import type { BreakerState } from "#shared/targets/breakers.ts";
import { isOfEvents } from "#shared/targets/keys.ts";
import { BELIEVED_MS } from "#shared/targets/memory.ts";

/** Some of those who wait for a target, to be taken up one draw after the other; `limit` is without end for all of them. */
export type Draw = DueOptions;

/** More than one, as a customer may need another endpoint than the one that is out; the breaker lets one call through. */
const PROBES = 5;
/** Later than any mark. */
const ANY_MOMENT = "9999-12-31T23:59:59.999Z";
/** Five who wait are sent to find out every minute; none of so many needs the endpoint. */
const UNNEEDED_MS = 300_000;
/** By then whoever waited has been taken up, or has a next try of his own. */
const NEWS_MS = 3_600_000;
/** A mark so young may be of a run that is still under way: it is looked at with the next round. */
const UNDER_WAY_MS = 10_000;

/**
 * Who shall be taken up for a target, as its breakers are at the moment `now` (epoch milliseconds). Where a breaker is
 * open nobody is; once its wait is over a few are, due or not, because somebody has to find out. Once it has closed, and
 * every function knows it, whoever waited is, due or not.
 */
export function drawsFor(target: Target, breakers: readonly BreakerState[], now: number): Draw[] {
  const own = breakers.filter((one) => one.target === target && !isOfEvents(one.endpoint));
  return target === "billing" ? drawsForBilling(own, now) : drawsByOrg(own, now);
}

/**
 * Every run writes and few read, so an endpoint that only reads holds nobody up: who needs it finds it closed, and waits.
 * Nor does one that nobody came to for minutes though they might, as when all customers are made and only change.
 */
function drawsForBilling(breakers: readonly BreakerState[], now: number): Draw[] {
  const open = breakers.filter(isOpen);
  const needed = open.filter((one) => !one.endpoint.startsWith("GET ") && !isUnneeded(one, now));
  if (needed.some((one) => isShut(one, now))) return [];
  const probes = open.some((one) => !isShut(one, now)) ? [{ limit: PROBES, markedBefore: ANY_MOMENT }] : [];
  return needed.length > 0 || breakers.some((one) => isYoung(one, now))
    ? probes
    : [...probes, { limit: Number.POSITIVE_INFINITY, markedBefore: newsOf(breakers, now) }];
}

/** A customer needs its own organisation only. What the many of one wait for keeps no other one from being probed. */
function drawsByOrg(breakers: readonly BreakerState[], now: number): Draw[] {
  const open = breakers.filter(isOpen);
  const away = new Set([...open, ...breakers.filter((one) => isYoung(one, now))].map(({ endpoint }) => endpoint));
  const probed = new Set(open.filter((one) => !isShut(one, now)).map(({ endpoint }) => endpoint));
  const news = new Map(breakers.map((one) => [one.endpoint, newsOf([one], now)]));
  const moment = new Date(now).toISOString();
  const probe = {
    limit: probed.size,
    mostPerOrg: 1,
    markedBefore: ANY_MOMENT,
    wants: ({ orgId }: BehindCustomer) => probed.has(orgId),
  };
  const others = {
    limit: Number.POSITIVE_INFINITY,
    markedBefore: newsOf(breakers, now),
    wants: ({ orgId, nextTryAt, mark }: BehindCustomer) =>
      !away.has(orgId) && (nextTryAt <= moment || mark.markedAt < (news.get(orgId) ?? "")),
  };
  return probed.size > 0 ? [probe, others] : [others];
}

function isOpen({ state }: BreakerState): boolean {
  return state !== "closed";
}

function isShut({ state, until = "" }: BreakerState, now: number): boolean {
  return state === "probing" || Date.parse(until) > now;
}

function isUnneeded({ state, until = "" }: BreakerState, now: number): boolean {
  return state === "open" && now - Date.parse(until) >= UNNEEDED_MS;
}

/** Seconds until every function knows of all outages that have ended; 0 when they do. @param now epoch milliseconds */
export function secondsUntilKnown(breakers: readonly BreakerState[], now: number): number {
  const young = breakers.filter((one) => isYoung(one, now)).map(({ closedAt = "" }) => Date.parse(closedAt));
  return young.length > 0 ? Math.ceil((Math.max(...young) + BELIEVED_MS - now) / 1000) : 0;
}

/** Whether it closed so lately that a piece of work might find it open nevertheless, and would lose its turn. */
function isYoung({ closedAt }: BreakerState, now: number): boolean {
  return closedAt !== undefined && now - Date.parse(closedAt) < BELIEVED_MS;
}

/** Whose mark is older waited for the target that came back; undefined when that is no news any more. ISO 8601. */
function newsOf(breakers: readonly BreakerState[], now: number): string | undefined {
  const ends = breakers.flatMap(({ closedAt }) => (closedAt ? [Date.parse(closedAt)] : []));
  const last = Math.max(...ends);
  return now - last < NEWS_MS ? new Date(Math.min(last + BELIEVED_MS, now - UNDER_WAY_MS)).toISOString() : undefined;
}
