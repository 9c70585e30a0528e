import type { PeoplesOrg } from "./org.ts";
import { UNUSABLE_EMAIL } from "./values.ts";

/** A customer as it must be everywhere. */
export interface TrueCustomer {
  readonly customerId: string;
  readonly orgId: string;
  readonly name: string;
  readonly email: string | null;
  readonly unusableEmail?: string;
  readonly phone: string | null;
  readonly address: Readonly<Record<string, string | null>> | null;
  readonly plan: string | null;
  readonly billingContact: Readonly<Record<string, string | null>> | null;
}

/** One account as the org has it at the end. */
export interface TrueAccount {
  readonly id: string;
  readonly deleted: boolean;
  readonly customer: TrueCustomer;
  readonly syncState: string | null;
  readonly stripeCustomerId: string | null;
}

interface AccountRow {
  readonly Id: string;
  readonly IsDeleted: boolean;
  readonly [field: string]: unknown;
}

interface ContactRow {
  readonly Id: string;
  readonly AccountId: string | null;
  readonly Name: string;
  readonly Email: string | null;
  readonly Phone: string | null;
}

const ACCOUNT_FIELDS = [
  ..."Id IsDeleted Name Phone Billing_Email__c Plan__c Sync_State__c Stripe_Customer_Id__c".split(" "),
  ..."BillingStreet BillingCity BillingState BillingPostalCode BillingCountry".split(" "),
];

/** Every account of the org, the recycle bin included, by id. */
export async function readTruth(org: PeoplesOrg): Promise<Map<string, TrueAccount>> {
  const accounts = await org.rows<AccountRow>(`SELECT ${ACCOUNT_FIELDS.join(", ")} FROM Account ORDER BY Id`);
  const contacts = await org.rows<ContactRow>(
    "SELECT Id, AccountId, Name, Email, Phone FROM Contact WHERE Is_Billing_Contact__c = true AND IsDeleted = false ORDER BY Id",
  );
  return new Map(
    accounts.map((row) => [
      row.Id,
      toTruth(
        row,
        contacts.find(({ AccountId }) => AccountId === row.Id),
        org.orgId,
      ),
    ]),
  );
}

function toTruth(row: AccountRow, contact: ContactRow | undefined, orgId: string): TrueAccount {
  const text = (name: string) => (row[name] ?? null) as string | null;
  const address = {
    street: text("BillingStreet"),
    city: text("BillingCity"),
    state: text("BillingState"),
    postalCode: text("BillingPostalCode"),
    country: text("BillingCountry"),
  };
  const email = text("Billing_Email__c");
  return {
    id: row.Id,
    deleted: row.IsDeleted,
    syncState: text("Sync_State__c"),
    stripeCustomerId: text("Stripe_Customer_Id__c"),
    customer: {
      customerId: row.Id,
      orgId,
      name: text("Name") ?? "",
      ...(email && UNUSABLE_EMAIL.test(email) ? { email: null, unusableEmail: email } : { email }),
      phone: text("Phone"),
      address: Object.values(address).some((part) => part !== null) ? address : null,
      plan: text("Plan__c"),
      billingContact: contact
        ? { contactId: contact.Id, name: contact.Name, email: contact.Email, phone: contact.Phone }
        : null,
    },
  };
}
