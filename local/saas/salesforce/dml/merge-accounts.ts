import { SalesforceError } from "../errors.ts";
import { accountType } from "../objects/account.ts";
import { opportunityType } from "../objects/opportunity.ts";
import { contactType } from "../objects/people.ts";
import { requireField } from "../schema.ts";
import type { Transaction } from "../transaction.ts";

export interface Merge {
  readonly masterId: string;
  /** One or two. */
  readonly loserIds: readonly string[];
}

/** Merges accounts into one: the children of the losers move to the master, the losers go to the recycle bin. */
export function mergeAccounts(tx: Transaction, { masterId, loserIds }: Merge): void {
  if (loserIds.includes(masterId))
    throw new SalesforceError(400, "INVALID_ID_FIELD", "an account cannot be merged into itself", []);
  tx.set(accountType, masterId, {});
  for (const loserId of loserIds) {
    for (const child of [contactType, opportunityType])
      for (const { Id } of tx.matching(child, requireField(child, "AccountId"), loserId))
        tx.set(child, String(Id), { AccountId: masterId });
    tx.set(accountType, loserId, { MasterRecordId: masterId });
    tx.delete(accountType, loserId);
  }
}
