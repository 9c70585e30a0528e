import type { BreakerState } from "../../shared/targets/breakers.ts";
import { ago, columns, count as counted, duration, number, printable, short } from "../text.ts";
import type { Paint } from "../trace/render.ts";
import type { Waiting } from "./read.ts";

/** A line for each target with its commonest errors, then those that wait longest. */
export function renderBehind(
  found: readonly Waiting[],
  { limit, now }: { limit: number; now: number },
  paint: Paint,
): string {
  const lines = found.flatMap((waiting) => renderTarget(waiting, now, paint));
  const customers = found
    .flatMap((waiting) => waiting.customers)
    .toSorted((a, b) => (a.mark.since < b.mark.since ? -1 : 1));
  if (customers.length === 0) return lines.join("\n");
  const rows = customers.slice(0, limit).map(({ customerId, orgId, target, nextTryAt, mark, held }) => [
    customerId,
    orgId,
    target,
    `since ${ago(mark.since, now)}`,
    // A run that a breaker ends counts as none, also when calls of it had failed before.
    mark.tries > 0 ? counted(mark.tries, "try", "tries") : "no try counted",
    held ? "held" : `next ${inTime(nextTryAt, now)}`,
    short(mark.error?.message ?? (held ? "waits for the circuit breaker" : "waits for its next try"), 80),
  ]);
  const more =
    customers.length > limit ? [`  … and ${number(customers.length - limit)} more; see --limit and --json.`] : [];
  return [...lines, "", paint("bold", "longest first"), ...columns(rows, "  "), ...more].join("\n");
}

function renderTarget(
  { target, count, onTheirWay, oldest, nextTryAt, heldBy, errors }: Waiting,
  now: number,
  paint: Paint,
): string[] {
  const moving = onTheirWay > 0 ? `, ${number(onTheirWay)} on their way` : "";
  if (count === 0 || !oldest) return [`${paint("green", "✓")} ${paint("bold", target)}: nobody waits${moving}`];
  const next = nextTryAt ? `, next try ${inTime(nextTryAt, now)}` : "";
  const waits = `${number(count)} ${count === 1 ? "waits" : "wait"}, the oldest since ${ago(oldest, now)}`;
  return [
    `${paint("yellow", "…")} ${paint("bold", target)}: ${waits}${next}${moving}`,
    ...heldBy.map((breaker) => `    ${renderHold(breaker, now, paint)}`),
    ...errors
      .slice(0, 3)
      .map(({ code, message, count: times }) => `    ${number(times)} × ${printable(code)}: ${short(message, 100)}`),
  ];
}

function renderHold(
  { endpoint, since, until = "", code, needsPerson }: BreakerState,
  now: number,
  paint: Paint,
): string {
  const what = `held by the breaker of ${endpoint}, open since ${ago(since, now)} (${printable(code)})`;
  const person = paint("red", "needs a person, who replaces the secret");
  return `${what}: ${needsPerson ? person : `tried again ${inTime(until, now)}`}`;
}

function inTime(moment: string, now: number): string {
  const ms = Date.parse(moment) - now;
  return ms <= 0 ? "now" : `in ${duration(ms)}`;
}
