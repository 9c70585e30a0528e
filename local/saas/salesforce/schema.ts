import { noSuchColumn, notFound } from "./errors.ts";
import {
  addressFields,
  type Field,
  field,
  type ObjectType,
  objectType,
  standardFields,
  systemField,
} from "./fields.ts";

const owner = field("OwnerId", "Owner ID", "reference", { referenceTo: "User", relationshipName: "Owner" });
const legacyId = field("Legacy_Id__c", "Legacy Id", "string", { length: 64, externalId: true });

const account = objectType("Account", "Accounts", "001", [
  ...standardFields(),
  field("Name", "Account Name", "string", { length: 255, required: true }),
  systemField("MasterRecordId", "Master Record ID", "reference", {
    referenceTo: "Account",
    relationshipName: "MasterRecord",
  }),
  field("Type", "Account Type", "picklist", { length: 255 }),
  field("ParentId", "Parent Account ID", "reference", { referenceTo: "Account", relationshipName: "Parent" }),
  ...addressFields("Billing"),
  ...addressFields("Shipping"),
  field("Phone", "Account Phone", "phone", { length: 40 }),
  field("Fax", "Account Fax", "phone", { length: 40 }),
  field("AccountNumber", "Account Number", "string", { length: 40 }),
  field("Website", "Website", "url", { length: 255 }),
  field("Sic", "SIC Code", "string", { length: 20 }),
  field("Industry", "Industry", "picklist", { length: 255 }),
  field("AnnualRevenue", "Annual Revenue", "currency"),
  field("NumberOfEmployees", "Employees", "int"),
  field("Ownership", "Ownership", "picklist", { length: 255 }),
  field("TickerSymbol", "Ticker Symbol", "string", { length: 20 }),
  field("Description", "Account Description", "textarea", { length: 32000 }),
  field("Rating", "Account Rating", "picklist", { length: 255 }),
  field("Site", "Account Site", "string", { length: 80 }),
  field("AccountSource", "Account Source", "picklist", { length: 255 }),
  owner,
  field("Plan__c", "Plan", "picklist", {
    length: 255,
    values: ["Free", "Starter", "Team", "Business", "Enterprise"],
    restricted: true,
  }),
  field("Billing_Email__c", "Billing Email", "email", { length: 80 }),
  field("Stripe_Customer_Id__c", "Stripe Customer Id", "string", { length: 255, externalId: true, unique: true }),
  field("Sync_State__c", "Sync State", "string", { length: 80 }),
  field("Sync_Time__c", "Sync Time", "datetime"),
  legacyId,
]);

const namePart = (name: string, label: string, options: object) =>
  field(name, label, "string", { compound: { name: "Name", part: name }, ...options });

const contact = objectType("Contact", "Contacts", "003", [
  ...standardFields(),
  field("AccountId", "Account ID", "reference", { referenceTo: "Account", relationshipName: "Account" }),
  namePart("LastName", "Last Name", { length: 80, required: true }),
  namePart("FirstName", "First Name", { length: 40 }),
  namePart("Salutation", "Salutation", { length: 40 }),
  systemField("Name", "Full Name", "string", { length: 121, hiddenFromEvents: true }),
  ...addressFields("Mailing"),
  ...addressFields("Other"),
  field("Phone", "Business Phone", "phone", { length: 40 }),
  field("Fax", "Business Fax", "phone", { length: 40 }),
  field("MobilePhone", "Mobile Phone", "phone", { length: 40 }),
  field("ReportsToId", "Reports To ID", "reference", { referenceTo: "Contact", relationshipName: "ReportsTo" }),
  field("Email", "Email", "email", { length: 80 }),
  field("Title", "Title", "string", { length: 128 }),
  field("Department", "Department", "string", { length: 80 }),
  field("LeadSource", "Lead Source", "picklist", { length: 255 }),
  field("Birthdate", "Birthdate", "date"),
  field("Description", "Contact Description", "textarea", { length: 32000 }),
  field("HasOptedOutOfEmail", "Email Opt Out", "boolean"),
  owner,
  field("Plan__c", "Plan", "string", { length: 80 }),
  field("Billing_Email__c", "Billing Email", "email", { length: 80 }),
  field("Stripe_Customer_Id__c", "Stripe Customer Id", "string", { length: 255, externalId: true, unique: true }),
  field("Sync_State__c", "Sync State", "string", { length: 80 }),
  field("Sync_Time__c", "Sync Time", "datetime"),
  legacyId,
]);

const user = objectType(
  "User",
  "Users",
  "005",
  [
    ...standardFields(),
    systemField("Username", "Username", "string", { length: 80 }),
    systemField("Name", "Full Name", "string", { length: 121 }),
    systemField("FirstName", "First Name", "string", { length: 40 }),
    systemField("LastName", "Last Name", "string", { length: 80 }),
    systemField("Email", "Email", "email", { length: 128 }),
    systemField("IsActive", "Active", "boolean"),
  ],
  false,
);

/** The objects of the emulated org. */
export const OBJECT_TYPES: readonly ObjectType[] = [account, contact, user];

const byName = new Map(OBJECT_TYPES.map((type) => [type.name.toLowerCase(), type]));

/** Finds an object by its name in any case; undefined when the org has none. */
export function findType(name: string): ObjectType | undefined {
  return byName.get(name.toLowerCase());
}

/** @throws SalesforceError `NOT_FOUND` */
export function requireType(name: string): ObjectType {
  const type = findType(name);
  if (!type) throw notFound();
  return type;
}

/** The object whose ids begin with this prefix. */
export function typeOfId(id: string): ObjectType | undefined {
  return OBJECT_TYPES.find((type) => id.startsWith(type.keyPrefix));
}

/** @throws SalesforceError `INVALID_FIELD` */
export function requireField(type: ObjectType, name: string): Field {
  const found = type.fields.get(name.toLowerCase());
  if (!found) throw noSuchColumn(name, type.name);
  return found;
}
