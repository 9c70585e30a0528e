import { SalesforceError } from "../errors.ts";
import { accountType } from "../objects/account.ts";
import { opportunityType } from "../objects/opportunity.ts";
import { contactType, leadType } from "../objects/people.ts";
import type { Transaction } from "../transaction.ts";

export interface Conversion {
  readonly leadId: string;
  /** Name of the opportunity to make; absent makes none. */
  readonly opportunityName?: string;
}

export interface Converted {
  readonly accountId: string;
  readonly contactId: string;
  readonly opportunityId: string | null;
}

const CLOSE_DAYS = 90;

/** Makes an account, a contact and perhaps an opportunity of a lead. @throws SalesforceError */
export function convertLead(tx: Transaction, { leadId, opportunityName }: Conversion, now: number): Converted {
  const lead = tx.find(leadType, leadId);
  if (!lead || lead.IsDeleted) throw new SalesforceError(400, "INVALID_CROSS_REFERENCE_KEY", "invalid lead id", []);
  if (lead.IsConverted) throw new SalesforceError(400, "CANNOT_UPDATE_CONVERTED_LEAD", "lead is already converted", []);
  const day = (days: number) => new Date(now + days * 86_400_000).toISOString().slice(0, 10);
  const pick = (names: Record<string, string>) =>
    Object.fromEntries(Object.entries(names).map(([to, from]) => [to, lead[from] ?? null]));
  const same = (...names: string[]) => pick(Object.fromEntries(names.map((name) => [name, name])));
  const address = (prefix: string) =>
    pick(Object.fromEntries(["Street", "City", "State", "PostalCode", "Country"].map((name) => [prefix + name, name])));

  const accountId = tx.insert(accountType, {
    ...pick({ Name: "Company" }),
    ...same("Phone", "Website", "Industry", "Rating"),
    ...address("Billing"),
  });
  const contactId = tx.insert(contactType, {
    ...same("FirstName", "LastName", "Salutation", "Title", "Phone", "MobilePhone", "Email", "LeadSource"),
    ...address("Mailing"),
    AccountId: accountId,
  });
  const opportunityId =
    opportunityName === undefined
      ? null
      : tx.insert(opportunityType, {
          Name: opportunityName,
          AccountId: accountId,
          StageName: "Prospecting",
          CloseDate: day(CLOSE_DAYS),
          ...same("LeadSource"),
        });
  tx.set(leadType, leadId, {
    Status: "Closed - Converted",
    IsConverted: true,
    ConvertedDate: day(0),
    ConvertedAccountId: accountId,
    ConvertedContactId: contactId,
    ConvertedOpportunityId: opportunityId,
  });
  return { accountId, contactId, opportunityId };
}
