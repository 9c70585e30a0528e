import { FleetError, RateLimitedError, RejectedByTargetError } from "#shared/errors.ts";
import type { WrittenValues } from "./fields.ts";

const FIRST_WAIT_SECONDS = 10;
const MAX_WAIT_SECONDS = 300;

/** What to do about a record that Salesforce did not update: nothing (it is gone), or this error. */
export type Refusal = "gone" | Error;

/**
 * Judges one record's error by its code. https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/errorcodes.htm
 * @param receives how often the queue has handed the message out
 * @param random 0 to 1
 */
export function refusalOf(
  error: Error,
  account: { readonly accountId: string; readonly values: WrittenValues; readonly receives: number },
  random: () => number,
): Refusal {
  const code = error instanceof FleetError ? error.code : "";
  if (code === "ENTITY_IS_DELETED") return "gone";
  // Whoever holds the lock may hold others of the batch too: they must not all come back at the same moment.
  if (code === "UNABLE_TO_LOCK_ROW")
    return new RateLimitedError(code, error.message, {
      cause: error,
      retryAfterSeconds: waitFor(account.receives, random),
    });
  if (code !== "DUPLICATE_VALUE") return error;
  return new RejectedByTargetError(
    code,
    `Account ${account.accountId} is billing customer ${account.values.Stripe_Customer_Id__c}, but another account has ` +
      `that id too (${error.message}). Clear Stripe_Customer_Id__c there, then redrive.`,
    { cause: error },
  );
}

/** Full jitter over a time that doubles with every try. */
function waitFor(receives: number, random: () => number): number {
  const longest = Math.min(MAX_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2 ** receives);
  return 1 + Math.floor(random() * longest);
}
