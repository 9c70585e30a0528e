import { FleetError, RejectedByTargetError } from "#shared/errors.ts";
import type { WrittenValues } from "./fields.ts";

/** What to do about a record that Salesforce did not update: nothing (it is gone), or this error. */
export type Refusal = "gone" | Error;

/**
 * Judges one record's error by its code. A locked row is a TransientError as it comes: the queue's back-off outlasts the
 * lock. https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/errorcodes.htm
 */
export function refusalOf(
  error: Error,
  account: { readonly accountId: string; readonly values: WrittenValues },
): Refusal {
  const code = error instanceof FleetError ? error.code : "";
  if (code === "ENTITY_IS_DELETED") return "gone";
  if (code !== "DUPLICATE_VALUE") return error;
  return new RejectedByTargetError(
    code,
    `Account ${account.accountId} is billing customer ${account.values.Stripe_Customer_Id__c}, but another account has ` +
      `that id too (${error.message}). Clear Stripe_Customer_Id__c there, then redrive.`,
    { cause: error },
  );
}
