import type { Target } from "../behind/marks.ts";
import { versionSchema } from "../contracts/customer.ts";
import type { CustomerRecord } from "../customer-record.ts";
import { hashOf } from "../hash.ts";
import type { ParkedSummary } from "./work.ts";

/** The target that a piece of work would bring its customer to; undefined for other work, such as a notice to people. */
export function targetOf({ kind, hop }: Pick<ParkedSummary, "kind" | "hop">): Target | undefined {
  if (kind === "comparison") return "billing";
  if (/write-?back$/i.test(hop)) return "salesforce";
  if (kind === "customer-sync" || /customer-sync(-bulk)?$/.test(hop)) return "billing";
  return undefined;
}

/** Whether a piece of work is done once the account was read and stored again: a change that capture could not use. */
export function endsInStore({ kind, hop }: Pick<ParkedSummary, "kind" | "hop">): boolean {
  return kind === "message" && /salesforce-changes$/.test(hop);
}

/** Whether the store holds what a piece of work was about, so that its message or input has nothing to add. */
export function reachedStore(
  { version, hop }: Pick<ParkedSummary, "version" | "hop">,
  record: CustomerRecord,
): boolean {
  if (version !== undefined) return record.version >= version;
  return !/(UpsertCustomer|customer-sync(-bulk)?)$/.test(hop);
}

/** The version that a target has of a customer. What was deleted before it had a link has nothing to be brought there. */
export function reachedVersion(
  { version, deleted, links, writtenBack }: CustomerRecord,
  target: Target,
): string | undefined {
  if (target === "salesforce") return writtenBack;
  return deleted && !links.stripe ? version : links.stripe?.version;
}

/** Whether a target has what the store holds. */
export function isInStep(record: CustomerRecord, target: Target): boolean {
  const reached = reachedVersion(record, target);
  return reached !== undefined && reached >= record.version;
}

/** Whether a version was read from Salesforce after a moment; it ends in when it was, epoch milliseconds. */
export function wasReadAfter(version: string, moment: string): boolean {
  return Number(version.split("/")[2] ?? Number.NaN) > Date.parse(moment);
}

/**
 * The parked id of a version that an account could not be told of: the same for every message that tries, so that work which
 * is redriven and fails again is the same piece. Undefined when nobody knows the version.
 */
export function writeBackId(customerId: string | undefined, version: string | undefined): string | undefined {
  if (!customerId || !versionSchema.safeParse(version).success) return undefined;
  return hashOf("write-back", customerId, version).slice(0, 32);
}
