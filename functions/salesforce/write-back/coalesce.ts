import { salesforceIdSchema } from "#shared/contracts/customer.ts";
import type { Delivery } from "#shared/handler/delivery.ts";
import type { Priority } from "../client/types.ts";
import {
  compareOutcomes,
  isDeletion,
  isRealChange,
  newerOf,
  type Outcome,
  outcomeOf,
  type SyncEvent,
} from "./outcome.ts";

/** Everything that a batch says about one account. */
export interface AccountOutcome {
  readonly orgId: string;
  readonly accountId: string;
  /** `background` when all of it may wait. */
  readonly priority: Priority;
  readonly outcome: Outcome;
  /** Whether the newest event tells of the account's deletion. */
  readonly deleted: boolean;
  /** Whether store or billing got another content by any of the events. */
  readonly changed: boolean;
  /** The newest event's delivery: it answers for the account, the older ones have nothing left to do. */
  readonly newest: Delivery<SyncEvent>;
}

/**
 * One entry per organisation and account, with the newest outcome. A failed run that did not know its account has none:
 * it is parked under what it had, and there is nothing to write it to.
 */
export function coalesceOutcomes(deliveries: readonly Delivery<SyncEvent>[]): AccountOutcome[] {
  const accounts = new Map<string, AccountOutcome>();
  for (const delivery of deliveries) {
    const { orgId } = delivery.event.detail.metadata;
    const { customerId } = delivery.event.detail.data;
    if (!salesforceIdSchema.safeParse(customerId).success) continue;
    const key = `${orgId} ${customerId}`;
    const [one, other] = [accountOf(delivery), accounts.get(key)];
    accounts.set(key, other ? merge(other, one) : one);
  }
  return [...accounts.values()];
}

function accountOf(newest: Delivery<SyncEvent>): AccountOutcome {
  const { event } = newest;
  const { metadata, data } = event.detail;
  return {
    orgId: metadata.orgId,
    accountId: data.customerId,
    priority: metadata.lane === "bulk" ? "background" : "live",
    outcome: outcomeOf(event),
    deleted: isDeletion(event),
    changed: isRealChange(event),
    newest,
  };
}

function merge(a: AccountOutcome, b: AccountOutcome): AccountOutcome {
  return {
    ...(compareOutcomes(a.outcome, b.outcome) > 0 ? a : b),
    priority: a.priority === "live" ? "live" : b.priority,
    outcome: newerOf(a.outcome, b.outcome),
    changed: a.changed || b.changed,
  };
}
