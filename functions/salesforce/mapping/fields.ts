import { address, email, firstOf, phone, picklist, reference, required, text } from "./field-types.ts";
import type { Mapping } from "./mapping.ts";

/**
 * What the customer is made of: member of the customer, type, API name of the field in Salesforce. This is the one place
 * to add a field; `name`, `email`, `phone`, `address` and `plan` are part of the contract, others may follow freely and
 * go to every target with the customer. `npx fleet doctor` compares the file with the organisation.
 *
 * An organisation uses `default` unless the secret of its connection names another one as `mapping`.
 */
const defaultMapping: Mapping = {
  account: {
    name: required(text("Name")),
    email: email("Billing_Email__c"),
    phone: phone("Phone"),
    address: address("BillingAddress"),
    plan: picklist("Plan__c"),
  },
  related: {
    billingContact: {
      entity: "Contact",
      parent: "AccountId",
      filter: "Is_Billing_Contact__c",
      fields: {
        contactId: reference("Id"),
        name: text("Name"),
        email: email("Email"),
        phone: phone("Phone"),
      },
    },
  },
};

/** For organisations with person accounts: a consumer's own e-mail address stands in for the billing one. */
const personAccounts: Mapping = {
  ...defaultMapping,
  account: {
    ...defaultMapping.account,
    email: firstOf(email("Billing_Email__c"), email("PersonEmail")),
  },
};

export const mappings: Readonly<Record<string, Mapping>> = { default: defaultMapping, personAccounts };
