import { clientOf } from "../cdc/origin.ts";
import type { ObjectType } from "../fields.ts";
import { accountType } from "../objects/account.ts";
import { contactType } from "../objects/people.ts";
import { requireField } from "../schema.ts";
import type { Trigger } from "../state.ts";
import type { Transaction } from "../transaction.ts";

/**
 * Runs the org's triggers over the accounts that a transaction has updated. What they change belongs to the transaction, so
 * that it carries the origin of the one who made the update.
 */
export function runTriggers(tx: Transaction, triggers: readonly Trigger[], changeOrigin: string): void {
  const due = triggers.filter(({ client }) => client === undefined || client === clientOf(changeOrigin));
  if (due.length === 0) return;
  const updated = tx.changes().filter(({ type, kind }) => type === accountType && kind === "UPDATE");
  for (const trigger of due) for (const { id } of updated) fire(tx, trigger, id);
}

/** The object whose records a trigger sets. */
export function targetOf(trigger: Pick<Trigger, "on">): ObjectType {
  return trigger.on === "Account" ? accountType : contactType;
}

function fire(tx: Transaction, trigger: Trigger, accountId: string): void {
  const values = { [trigger.field]: trigger.value };
  if (trigger.on === "Account") tx.set(accountType, accountId, values);
  else
    for (const contact of tx.matching(contactType, requireField(contactType, "AccountId"), accountId))
      tx.set(contactType, String(contact.Id), values);
}
