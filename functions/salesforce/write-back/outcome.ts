import { z } from "zod";
import { versionSchema } from "#shared/contracts/customer.ts";
import type { customerSynced, customerSyncFailed } from "#shared/contracts/events.ts";
import type { FleetEvent } from "#shared/handler/delivery.ts";
import { maxLengthOf } from "./fields.ts";

/** The end of one run of customer-sync, good or bad. */
export type SyncEvent = FleetEvent<typeof customerSynced | typeof customerSyncFailed>;

/** What shall be told in the account, and from which version of the customer it follows. */
export const outcomeSchema = z.looseObject({
  /** Empty when the run failed before it knew the version: older than any. */
  version: z.string(),
  /** When the run ended, epoch milliseconds. */
  endedAt: z.number(),
  failed: z.boolean(),
  /** Text of `Sync_State__c`. */
  state: z.string(),
  /** Id in billing; absent when no run known here told it. */
  stripeCustomerId: z.string().nullable().optional(),
});

export type Outcome = z.infer<typeof outcomeSchema>;

const MAX_STATE = maxLengthOf("Sync_State__c");
const SYNCED = "synced";
const ADJUSTED = "synced, adjusted: ";
const FAILED = "failed: ";

/** What one event says. */
export function outcomeOf({ type, detail }: SyncEvent): Outcome {
  const { metadata, data } = detail;
  const endedAt = Date.parse(metadata.occurredAt);
  const failed = type === "customer.sync-failed";
  const version = versionSchema.safeParse(data.version).success ? data.version : "";
  if (failed) return { version, endedAt, failed, state: failureText(detail.data.state) };
  const { stripeCustomerId, adjusted } = detail.data.billing;
  return { version, endedAt, failed, state: syncedText(adjusted), stripeCustomerId };
}

/** Whether the event tells of a deleted account, into which nothing can be written. */
export function isDeletion({ type, detail }: SyncEvent): boolean {
  return type === "customer.synced" && detail.data.change === "deleted";
}

/**
 * Whether store or billing got another content. A failure never counts: every try would then write a new time, and were
 * that write not recognised as ours it would bring about the next try.
 */
export function isRealChange({ type, detail }: SyncEvent): boolean {
  if (type !== "customer.synced") return false;
  return detail.data.store !== "unchanged" || detail.data.billing.outcome !== "unchanged";
}

/**
 * The order of outcomes: by version of the customer, then by time, as a redriven run ends once more with the same
 * version. At the same moment the failure is the later one. Negative when `a` is older.
 */
export function compareOutcomes(a: Outcome, b: Outcome): number {
  if (a.version !== b.version) return a.version < b.version ? -1 : 1;
  return a.endedAt - b.endedAt || Number(a.failed) - Number(b.failed);
}

/** The newer of two; a failure, which does not know the id in billing, takes it from the older one. */
export function newerOf(a: Outcome, b: Outcome): Outcome {
  const [older, newer] = compareOutcomes(a, b) < 0 ? [a, b] : [b, a];
  return newer.stripeCustomerId === undefined && older.stripeCustomerId !== undefined
    ? { ...newer, stripeCustomerId: older.stripeCustomerId }
    : newer;
}

/**
 * Whether an account tells what the end of a run left in it, as far as its billing customer says; before that is known,
 * nothing need be told. A run that failed keeps what it told.
 */
export function tellsOutcome(
  account: Readonly<Record<string, unknown>>,
  stripeCustomerId: string | undefined,
): boolean {
  if (stripeCustomerId === undefined) return true;
  const state = String(account.Sync_State__c ?? "");
  const isOurs = state === SYNCED || state.startsWith(ADJUSTED) || state.startsWith(FAILED);
  return account.Stripe_Customer_Id__c === stripeCustomerId && isOurs;
}

/** Names the fields that billing adjusted, as many as there is room for, and counts the rest. */
function syncedText(adjusted: readonly string[] = []): string {
  if (adjusted.length === 0) return SYNCED;
  for (let named = adjusted.length; named > 0; named -= 1) {
    const rest = adjusted.length - named;
    const text = `${ADJUSTED}${adjusted.slice(0, named).join(", ")}${rest > 0 ? ` and ${rest} more` : ""}`;
    if (text.length <= MAX_STATE) return text;
  }
  return `${ADJUSTED}${adjusted.length} field${adjusted.length === 1 ? "" : "s"}`;
}

/** Where the run stopped: the name of a state, not the error, which may quote what was refused. */
function failureText(state: string): string {
  return [...`${FAILED}${state}`].slice(0, MAX_STATE).join("").trim();
}
