import type { ParkedStatus, ParkedSummary } from "./work.ts";

/** A piece of work as somebody saw it: each parking and each redrive has its moment. */
export type Seen = Pick<ParkedSummary, "status" | "parkedAt" | "redrivenAt">;

/** The condition that the work has one of these statuses; `#status` is the attribute's name. */
export function isOneOf(statuses: readonly ParkedStatus[]): string {
  return `#status IN (${statuses.map((status) => `:was_${status}`).join(", ")})`;
}

/** Values of `isOneOf`. */
export function statusValues(statuses: readonly ParkedStatus[]): Record<string, string> {
  return Object.fromEntries(statuses.map((status) => [`:was_${status}`, status]));
}

/** The condition that the work is still as it was seen. */
export function isAsSeen({ redrivenAt }: Seen): string {
  const redriven = redrivenAt ? "redrivenAt = :seenRedriven" : "attribute_not_exists(redrivenAt)";
  return `#status = :seen AND parkedAt = :seenParked AND ${redriven}`;
}

/** Values of `isAsSeen`. */
export function seenValues({ status, parkedAt, redrivenAt }: Seen): Record<string, string> {
  return { ":seen": status, ":seenParked": parkedAt, ...(redrivenAt ? { ":seenRedriven": redrivenAt } : {}) };
}
