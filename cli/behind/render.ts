import { ago, columns, count as counted, duration, number, short } from "../text.ts";
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
  const rows = customers
    .slice(0, limit)
    .map(({ customerId, orgId, target, nextTryAt, mark }) => [
      customerId,
      orgId,
      target,
      `since ${ago(mark.since, now)}`,
      counted(mark.tries, "try", "tries"),
      `next ${inTime(nextTryAt, now)}`,
      short(mark.error?.message ?? "not tried again yet", 80),
    ]);
  const more =
    customers.length > limit ? [`  … and ${number(customers.length - limit)} more; see --limit and --json.`] : [];
  return [...lines, "", paint("bold", "longest first"), ...columns(rows, "  "), ...more].join("\n");
}

function renderTarget(
  { target, count, onTheirWay, oldest, nextTryAt, errors }: Waiting,
  now: number,
  paint: Paint,
): string[] {
  const moving = onTheirWay > 0 ? `, ${number(onTheirWay)} on their way` : "";
  if (count === 0 || !oldest || !nextTryAt)
    return [`${paint("green", "✓")} ${paint("bold", target)}: nobody waits${moving}`];
  const head = `${paint("yellow", "…")} ${paint("bold", target)}: ${number(count)} wait, the oldest since ${ago(oldest, now)}, next try ${inTime(nextTryAt, now)}${moving}`;
  return [
    head,
    ...errors
      .slice(0, 3)
      .map(({ code, message, count: times }) => `    ${number(times)} × ${code}: ${short(message, 100)}`),
  ];
}

function inTime(moment: string, now: number): string {
  const ms = Date.parse(moment) - now;
  return ms <= 0 ? "now" : `in ${duration(ms)}`;
}
