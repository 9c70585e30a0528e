import type { StateTable } from "#shared/state-table.ts";
import type { FindEchoes } from "./capture-changes.ts";
import type { ChangeEvent } from "./cdc.ts";

/** Fields that the fleet itself writes back to Account. */
export const WRITTEN_FIELDS = ["Stripe_Customer_Id__c", "Sync_State__c", "Sync_Time__c"] as const;

/** Fields that Salesforce sets along with every write. */
const SYSTEM_FIELDS = ["LastModifiedDate", "LastModifiedById"];

const OURS = new Set<string>([...WRITTEN_FIELDS, ...SYSTEM_FIELDS]);

/**
 * Whether our own write-back caused the change. Both signs are needed: a trigger that our write fired has our origin
 * but other fields, and a person may edit our fields by hand. A gap has neither and is never an echo.
 * @param clientName what our connection sends as `Sforce-Call-Options: client=…`
 */
export function isEcho(change: ChangeEvent, clientName: string): boolean {
  return (
    change.changeType === "UPDATE" &&
    change.changeOrigin.endsWith(`;client=${clientName}`) &&
    change.changedFields.length > 0 &&
    change.changedFields.every((field) => OURS.has(field))
  );
}

/** The echoes among changes. */
export function createEchoFilter(_state: StateTable): FindEchoes {
  return async (changes, clientName) => new Set(changes.filter((change) => isEcho(change, clientName)));
}
