import { addressFields, field, formulaField, namePart, objectType, standardFields, systemField } from "../fields.ts";
import { account, integrationFields, leadSource, owner } from "./common.ts";

const fullName = systemField("Name", "Full Name", "string", { length: 121, hiddenFromEvents: true });
const nameFields = [
  namePart("LastName", "Last Name", { length: 80, required: true }),
  namePart("FirstName", "First Name", { length: 40 }),
  namePart("Salutation", "Salutation", { length: 40 }),
  fullName,
];

export const contactType = objectType("Contact", "Contacts", "003", [
  ...standardFields(),
  account,
  ...nameFields,
  ...addressFields("Mailing"),
  ...addressFields("Other"),
  field("Phone", "Business Phone", "phone", { length: 40 }),
  field("Fax", "Business Fax", "phone", { length: 40 }),
  field("MobilePhone", "Mobile Phone", "phone", { length: 40 }),
  field("ReportsToId", "Reports To ID", "reference", { referenceTo: "Contact", relationshipName: "ReportsTo" }),
  field("Email", "Email", "email", { length: 80 }),
  field("Title", "Title", "string", { length: 128 }),
  field("Department", "Department", "string", { length: 80 }),
  leadSource,
  field("Birthdate", "Birthdate", "date"),
  field("Description", "Contact Description", "textarea", { length: 32000 }),
  field("HasOptedOutOfEmail", "Email Opt Out", "boolean"),
  owner,
  field("Plan__c", "Plan", "string", { length: 80 }),
  ...integrationFields,
  field("Is_Billing_Contact__c", "Is Billing Contact", "boolean"),
  systemField("IsPersonAccount", "Is Person Account", "boolean", { hiddenFromEvents: true }),
  formulaField("Account_Plan__c", "Account Plan", "string", { parent: "AccountId", field: "Plan__c" }),
]);

const converted = (name: string, label: string, referenceTo: string) =>
  systemField(name, label, "reference", { referenceTo });

export const leadType = objectType("Lead", "Leads", "00Q", [
  ...standardFields(),
  ...nameFields,
  field("Company", "Company", "string", { length: 255, required: true }),
  field("Title", "Title", "string", { length: 128 }),
  ...addressFields(""),
  field("Phone", "Phone", "phone", { length: 40 }),
  field("MobilePhone", "Mobile Phone", "phone", { length: 40 }),
  field("Email", "Email", "email", { length: 80 }),
  field("Website", "Website", "url", { length: 255 }),
  field("Description", "Description", "textarea", { length: 32000 }),
  leadSource,
  field("Status", "Status", "picklist", { length: 255 }),
  field("Industry", "Industry", "picklist", { length: 255 }),
  field("Rating", "Rating", "picklist", { length: 255 }),
  owner,
  systemField("IsConverted", "Converted", "boolean"),
  systemField("ConvertedDate", "Converted Date", "date"),
  converted("ConvertedAccountId", "Converted Account ID", "Account"),
  converted("ConvertedContactId", "Converted Contact ID", "Contact"),
  converted("ConvertedOpportunityId", "Converted Opportunity ID", "Opportunity"),
]);

export const userType = objectType(
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
