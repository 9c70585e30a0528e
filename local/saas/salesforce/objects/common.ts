import { type Field, field } from "../fields.ts";

/** Fields that several objects have. */
export const owner = field("OwnerId", "Owner ID", "reference", { referenceTo: "User", relationshipName: "Owner" });
export const account = field("AccountId", "Account ID", "reference", {
  referenceTo: "Account",
  relationshipName: "Account",
});
export const leadSource = field("LeadSource", "Lead Source", "picklist", { length: 255 });

/** Custom fields of the integration, which accounts and contacts share. */
export const integrationFields: readonly Field[] = [
  field("Billing_Email__c", "Billing Email", "email", { length: 80 }),
  field("Stripe_Customer_Id__c", "Stripe Customer Id", "string", { length: 255, externalId: true, unique: true }),
  field("Sync_State__c", "Sync State", "string", { length: 80 }),
  field("Sync_Time__c", "Sync Time", "datetime"),
  field("Legacy_Id__c", "Legacy Id", "string", { length: 64, externalId: true }),
];
