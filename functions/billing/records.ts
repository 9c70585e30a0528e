import type { BillingRequests, NoteOptions } from "#shared/billing-requests.ts";
import type { CustomerRecord } from "#shared/customer-record.ts";
import type { CustomerStore } from "#shared/customer-store.ts";
import { InvalidInputError, RateLimitedError, TransientError } from "#shared/errors.ts";
import type { Billing } from "./client.ts";
import { requestsOf } from "./requests.ts";

export interface BillingDependencies {
  readonly billing: Billing;
  readonly store: Pick<CustomerStore, "read" | "noteBilling" | "linkBilling">;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** No call begins later in an invocation, so that the function lives to see its answer. */
export const LAST_CALL_MS = 13_000;

/** More runs than this never note something about one customer at a time. */
const MAX_NOTES = 20;

/** @throws InvalidInputError when the customer is not stored */
export async function readRecord(
  customerId: string,
  { store }: Pick<BillingDependencies, "store">,
): Promise<CustomerRecord> {
  const record = await store.read(customerId);
  if (record) return record;
  throw new InvalidInputError("NOT_STORED", `Customer ${customerId} is not in the store; it must be stored first.`);
}

/**
 * Changes what is known of the requests about a customer, on top of what other runs noted meanwhile.
 * @param change the next state; undefined when it does not apply any more
 * @returns the record afterwards; undefined when the change did not apply
 */
export async function note(
  record: CustomerRecord,
  change: (requests: BillingRequests, record: CustomerRecord) => BillingRequests | undefined,
  { store }: Pick<BillingDependencies, "store">,
  options: NoteOptions = {},
): Promise<CustomerRecord | undefined> {
  let current = record;
  for (let count = 0; count < MAX_NOTES; count += 1) {
    const next = change(requestsOf(current), current);
    if (!next) return undefined;
    const noted = await store.noteBilling(current.customerId, next, options);
    if (noted) return noted;
    current = await readRecord(current.customerId, { store });
  }
  throw contended(record.customerId);
}

/** Other runs were quicker time and again. */
export function contended(customerId: string): TransientError {
  return new TransientError("CONTENDED", `Many runs work on the billing of customer ${customerId} at once.`);
}

/** Nothing can be done before `until` (epoch milliseconds): a request to Stripe may still be under way. */
export function stillOpen(customerId: string, what: string, until: number, now: number): RateLimitedError {
  const retryAfterSeconds = Math.max(1, Math.ceil((until - now) / 1000));
  const text = `${what} of customer ${customerId} has an open outcome in Stripe; it is settled in ${retryAfterSeconds} s.`;
  return new RateLimitedError("OUTCOME_OPEN", text, { retryAfterSeconds });
}

/** The same, but no call to Stripe is begun so late that the function would end before its answer. */
export function withDeadline(deps: BillingDependencies): BillingDependencies {
  const { billing, now } = deps;
  const end = now() + LAST_CALL_MS;
  const inTime = <Input extends unknown[], Output>(call: (...input: Input) => Promise<Output>) => {
    return async (...input: Input): Promise<Output> => {
      if (now() <= end) return call(...input);
      throw new TransientError("OUT_OF_TIME", "Stripe answers too slowly for one run; the next one goes on.");
    };
  };
  return {
    ...deps,
    billing: {
      create: inTime(billing.create),
      update: inTime(billing.update),
      isDeleted: inTime(billing.isDeleted),
      list: inTime(billing.list),
      search: inTime(billing.search),
    },
  };
}
