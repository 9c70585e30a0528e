import { ADMINISTRATOR } from "../aws/kernel/kernel.ts";
import type { SalesforceApi } from "../console/salesforce.ts";
import type { Fleet } from "../fleet.ts";

/** What the targets hold of one customer; `null` where there is nothing yet. */
export interface Targets {
  readonly store: StoreView | null;
  readonly billing: BillingView | null;
  readonly slack: SlackView | null;
  readonly account: AccountView | null;
}

export interface StoreView {
  readonly name: string;
  readonly phone: string | null;
  readonly version: string;
  readonly correlationId: string;
  readonly stripeCustomerId: string | null;
}

export interface BillingView {
  readonly id: string;
  readonly name: string;
  readonly phone: string | null;
}

export interface SlackView {
  readonly channel: string;
  readonly text: string;
}

/** What was written back to the account. */
export interface AccountView {
  readonly stripeCustomerId: string;
  readonly state: string;
  /** ISO 8601, in whole seconds. */
  readonly syncedAt: string;
}

type Attribute = { S?: string; BOOL?: boolean; NULL?: boolean; N?: string; M?: Record<string, Attribute> };

/** Reads one customer's record from the store, through the twin's DynamoDB. */
export async function readStore(fleet: Fleet, customerId: string): Promise<StoreView | null> {
  const { Item } = await fleet.twin.kernel.call<{ Item?: Record<string, Attribute> }>(
    "dynamodb",
    "GetItem",
    { TableName: fleet.ref("CustomersTable"), Key: { customerId: { S: customerId } }, ConsistentRead: true },
    { principal: ADMINISTRATOR },
  );
  const customer = Item?.customer?.M;
  if (!Item || !customer) return null;
  return {
    name: customer.name?.S ?? "",
    phone: customer.phone?.S ?? null,
    version: Item.version?.S ?? "",
    correlationId: Item.correlationId?.S ?? "",
    stripeCustomerId: Item.links?.M?.stripe?.M?.id?.S ?? null,
  };
}

/** Reads one customer from Stripe. */
export async function readBilling(fleet: Fleet, id: string | null): Promise<BillingView | null> {
  if (!id) return null;
  const { apiKey, baseUrl } = fleet.saas.connections().stripe;
  const response = await fetch(`${baseUrl}/v1/customers/${id}`, { headers: { authorization: `Bearer ${apiKey}` } });
  if (!response.ok) return null;
  const { name, phone } = (await response.json()) as BillingView;
  return { id, name, phone };
}

/** Finds the newest message in Slack that mentions a text, such as a correlation id. */
export async function readSlack(fleet: Fleet, mention: string): Promise<SlackView | null> {
  const { token, apiUrl, channel } = fleet.saas.connections().slack;
  const response = await fetch(new URL(`conversations.history?channel=${channel}&limit=100`, apiUrl), {
    headers: { authorization: `Bearer ${token}` },
  });
  const { messages = [] } = (await response.json()) as { messages?: { text?: string }[] };
  const message = messages.find((candidate) => JSON.stringify(candidate).includes(mention));
  return message ? { channel, text: message.text ?? "" } : null;
}

/** Reads what was written back to an account since a moment in epoch milliseconds; Salesforce keeps whole seconds. */
export async function readWrittenBack(
  api: SalesforceApi,
  customerId: string,
  since: number,
): Promise<AccountView | null> {
  const fields = "Stripe_Customer_Id__c,Sync_State__c,Sync_Time__c";
  const account = await api.call("GET", `sobjects/Account/${customerId}?fields=${fields}`);
  const { Stripe_Customer_Id__c, Sync_State__c, Sync_Time__c } = account as Record<string, string | null>;
  if (!Stripe_Customer_Id__c || !Sync_State__c || !Sync_Time__c) return null;
  if (Date.parse(Sync_Time__c) < Math.floor(since / 1000) * 1000) return null;
  return { stripeCustomerId: Stripe_Customer_Id__c, state: Sync_State__c, syncedAt: Sync_Time__c };
}
