import { FleetError, RejectedByTargetError } from "#shared/errors.ts";
import { RecordRefusedError } from "../client/errors.ts";
import type { WrittenValues } from "./fields.ts";

/** What to do about a record that Salesforce did not update: nothing (it is gone), or this error. */
export type Refusal = "gone" | Error;

/**
 * What Salesforce says of an account that is deleted, purged from the recycle bin, or merged into another. The record is
 * named by its id alone, and no field that is written is a reference, so none of them can mean anything else.
 * https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_calls_concepts_core_data_objects.htm
 */
const GONE = new Set(["ENTITY_IS_DELETED", "INVALID_CROSS_REFERENCE_KEY", "NOT_FOUND"]);

/**
 * Judges one record's error by its code. A locked row is a TransientError as it comes: the queue's back-off outlasts the
 * lock.
 */
export function refusalOf(
  error: Error,
  account: { readonly accountId: string; readonly values: WrittenValues },
): Refusal {
  const code = error instanceof FleetError ? error.code : "";
  // Said of a whole call, the same words mean a wrong address.
  if (error instanceof RecordRefusedError && GONE.has(code)) return "gone";
  if (code !== "DUPLICATE_VALUE") return error;
  return new RejectedByTargetError(
    code,
    `Account ${account.accountId} is billing customer ${account.values.Stripe_Customer_Id__c}, but another account has ` +
      `that id too (${error.message}). Clear Stripe_Customer_Id__c there, then redrive.`,
    { cause: error },
  );
}
