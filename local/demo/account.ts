import type { SalesforceApi } from "../console/salesforce.ts";

/** The account that the demonstration changes. */
export interface ChangedAccount {
  readonly customerId: string;
  readonly name: string;
  readonly phone: string;
}

const NAME = "Northwind Traders";

/** Changes one account in Salesforce as a person would; creates it the first time. */
export async function changeAccount(api: SalesforceApi): Promise<ChangedAccount> {
  const phone = `+1 555 ${String(Date.now() % 10_000_000).padStart(7, "0")}`;
  const query = encodeURIComponent(`SELECT Id FROM Account WHERE Name = '${NAME}' LIMIT 1`);
  const { records } = (await api.call("GET", `query?q=${query}`)) as { records: { Id: string }[] };
  const existing = records[0]?.Id;
  if (existing) {
    await api.call("PATCH", `sobjects/Account/${existing}`, { Phone: phone });
    return { customerId: existing, name: NAME, phone };
  }
  const { id } = (await api.call("POST", "sobjects/Account", {
    Name: NAME,
    Phone: phone,
    Billing_Email__c: "billing@northwind.example",
    Plan__c: "Enterprise",
    BillingStreet: "1 Harbour Road",
    BillingCity: "Seattle",
    BillingCountry: "US",
  })) as { id: string };
  return { customerId: id, name: NAME, phone };
}
