import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { XRayClient } from "@aws-sdk/client-xray";
import { expect } from "expect";
import { fetchTraces } from "../../cli/trace/fetch.ts";
import { buildTree, type Segment, type TraceTree } from "../../cli/trace/tree.ts";
import { ADMINISTRATOR, type Kernel } from "../../local/aws/kernel/kernel.ts";
import { SalesforceApi } from "../../local/console/salesforce.ts";
import { type Fleet, type FleetOptions, startFleet } from "../../local/fleet.ts";
import { packageFleet } from "../../local/packaging.ts";
import { untilQuiet } from "./wait.ts";

const HOUR_MS = 3_600_000;

export interface Account {
  readonly Id: string;
  readonly Name: string;
  readonly Phone: string | null;
  readonly Plan__c: string | null;
  readonly Billing_Email__c: string | null;
}

export interface StoredItem {
  readonly [attribute: string]: unknown;
  readonly customerId: string;
  readonly customer?: { readonly [field: string]: unknown };
  readonly deleted?: boolean;
  readonly correlationId?: string;
}

export interface ParkedItem {
  readonly parkedId: string;
  readonly hop: string;
  readonly input: string;
  readonly errorName: string;
  readonly errorMessage: string;
  readonly correlationId: string;
  readonly traceHeader: string;
  /** Of a run that failed. */
  readonly executionArn?: string;
}

export interface StripeCustomer {
  readonly id: string;
  readonly name: string | null;
  readonly phone: string | null;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Calls the Salesforce REST API as a person; `path` is relative to the version's root. */
type CallSalesforce = <T>(method: string, path: string, body?: object) => Promise<T>;

/** A fleet under test, with eyes for every system and hands only in Salesforce. */
export interface TestFleet extends Fleet {
  readonly salesforce: CallSalesforce;
  /** A person makes an account with a phone. @returns its id */
  createAccount(name: string): Promise<string>;
  readonly kernel: Kernel;
  /** Calls a service of AWS as the account's administrator. */
  // biome-ignore lint/suspicious/noExplicitAny: AWS's answers have no types of their own here
  aws<T = any>(service: string, operation: string, input: object): Promise<T>;
  /** Puts an event on the fleet bus, as the Salesforce connector does. */
  emit(type: string, detail: unknown): Promise<void>;
  /** Puts a request for the organisation on the fleet bus, as a clock or a person does. @returns its correlation id */
  request(type: "catch-up.requested" | "reconciliation.requested", data: object): Promise<string>;
  /** Turns a control of the emulated Salesforce. */
  control(path: string, body?: object, method?: "POST" | "DELETE"): Promise<void>;
  /** Lets so many seconds be over, step by step, with time for everybody to do what was due. */
  pass(seconds: number, step?: number): Promise<void>;
  accounts(): Promise<Account[]>;
  stored(): Promise<StoredItem[]>;
  parked(): Promise<ParkedItem[]>;
  stripeCustomers(): Promise<StripeCustomer[]>;
  slackTexts(): Promise<string[]>;
  /** The trace of a change, as far as X-Ray has it. */
  trace(correlationId: string): Promise<{ documents: readonly Segment[]; tree: TraceTree }>;
}

interface FunctionProperties {
  readonly Environment?: { readonly Variables?: Record<string, unknown> };
}

interface Page {
  readonly Items: Record<string, Attribute>[];
  readonly LastEvaluatedKey?: unknown;
}

/** Boots the packaged fleet on free ports with waits twenty times shorter. */
export async function startTestFleet(options: FleetOptions = {}): Promise<TestFleet> {
  const fleet = await startFleet({ clockScale: 20, template: await packagedTemplate(), ...options });
  const { kernel } = fleet.twin;
  const aws = <T>(service: string, operation: string, input: object) =>
    kernel.call<T>(service, operation, input, { principal: ADMINISTRATOR });
  const emit = async (DetailType: string, detail: unknown) => {
    const entry = { EventBusName: fleet.ref("FleetBus"), Source: "fleet.salesforce", DetailType };
    await aws("events", "PutEvents", { Entries: [{ ...entry, Detail: JSON.stringify(detail) }] });
  };
  const scan = async (logicalId: string) => {
    const items: Record<string, unknown>[] = [];
    let ExclusiveStartKey: unknown;
    do {
      const input = { TableName: fleet.ref(logicalId), ConsistentRead: true };
      const page = await aws<Page>("dynamodb", "Scan", {
        ...input,
        ...(ExclusiveStartKey ? { ExclusiveStartKey } : {}),
      });
      items.push(...page.Items.map(unmarshall));
      ExclusiveStartKey = page.LastEvaluatedKey;
    } while (ExclusiveStartKey);
    return items;
  };
  const person = new SalesforceApi(fleet.saas.salesforce.humanConnection());
  const salesforce: CallSalesforce = <T>(method: string, path: string, body?: object) =>
    person.call(method, path, body) as Promise<T>;
  const xray = new XRayClient({
    endpoint: fleet.twin.origin,
    region: "us-east-1",
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
  });
  return {
    ...fleet,
    kernel,
    aws,
    emit,
    async request(type, data) {
      const eventId = randomUUID();
      const ids = { eventId, correlationId: eventId, causationId: eventId };
      const { orgId } = fleet.saas.salesforce;
      const metadata = { ...ids, occurredAt: new Date().toISOString(), orgId, actor: "system:test", schemaVersion: 1 };
      await emit(type, { metadata, data });
      return eventId;
    },
    async control(path, body, method = "POST") {
      const url = `${fleet.saas.salesforce.url}/__emulator__/${path}`;
      const { status } = await fetch(url, { method, ...(body ? { body: JSON.stringify(body) } : {}) });
      expect({ path, refused: status >= 400 }).toEqual({ path, refused: false });
    },
    async pass(seconds, step = 60) {
      for (let passed = 0; passed < seconds; passed += step) {
        fleet.clock.advance(Math.min(step, seconds - passed) * 1000);
        await untilQuiet(kernel);
      }
    },
    salesforce,
    createAccount: async (Name) =>
      (await salesforce<{ id: string }>("POST", "sobjects/Account", { Name, Phone: "+1 555 0100" })).id,
    accounts: () => allAccounts(salesforce),
    stored: async () => (await scan("CustomersTable")) as unknown as StoredItem[],
    parked: async () => (await scan("ParkedTable")) as unknown as ParkedItem[],
    stripeCustomers: () => allStripeCustomers(fleet),
    slackTexts: () => allSlackTexts(fleet),
    trace: async (correlationId) => {
      const [trace] = await fetchTraces(xray, correlationId, HOUR_MS);
      const documents = trace?.documents ?? [];
      return { documents, tree: buildTree(documents) };
    },
    stop: async () => {
      xray.destroy();
      await fleet.stop();
    },
  };
}

/**
 * The packaged template, as an object that a test may change before it boots it. Runs take as long as they take while
 * waits are shortened, so a message that is being worked is hidden for its queue's whole visibility time-out.
 */
// biome-ignore lint/suspicious/noExplicitAny: CloudFormation has no type of its own here
export async function packagedTemplate(): Promise<any> {
  const { template: path } = await packageFleet("local");
  const template = JSON.parse(readFileSync(path, "utf8"));
  for (const { Properties } of Object.values<{ Properties?: FunctionProperties }>(template.Resources)) {
    const variables = Properties?.Environment?.Variables;
    if (variables?.RUN_SECONDS) variables.RUN_SECONDS = variables.VISIBILITY_SECONDS;
  }
  return template;
}

/** Asserts that a change's trace reaches Slack, with one root and no orphans. */
export async function expectWholeTrace(fleet: TestFleet, correlationId: unknown): Promise<string[]> {
  const { tree, documents } = await fleet.trace(String(correlationId));
  const names = documents.map(({ name }) => name);
  expect(names).toContain("slack/notify");
  expect({ roots: tree.roots.length, orphans: tree.orphans }).toEqual({ roots: 1, orphans: [] });
  return names;
}

/** Asserts that store, billing and Slack are equal to Salesforce, with one billing customer per account. */
export async function expectInStep(fleet: TestFleet): Promise<void> {
  const accounts = await fleet.accounts();
  const stored = new Map((await fleet.stored()).map((item) => [item.customerId, item]));
  const customers = await fleet.stripeCustomers();
  const slack = (await fleet.slackTexts()).join("\n");
  for (const account of accounts) {
    const item = stored.get(account.Id);
    expect(item).toMatchObject({ deleted: false, customer: { name: account.Name, phone: account.Phone } });
    const linked = customers.filter(({ metadata }) => metadata.salesforce_account_id === account.Id);
    expect(linked).toEqual([expect.objectContaining({ name: account.Name, phone: account.Phone })]);
    expect(slack).toContain(account.Id);
  }
}

async function allAccounts(salesforce: CallSalesforce): Promise<Account[]> {
  const fields = "Id, Name, Phone, Plan__c, Billing_Email__c";
  const query = encodeURIComponent(`SELECT ${fields} FROM Account ORDER BY Id`);
  return (await salesforce<{ records: Account[] }>("GET", `query?q=${query}`)).records;
}

async function allStripeCustomers(fleet: Fleet): Promise<StripeCustomer[]> {
  const response = await fetch(`${fleet.saas.stripe.url}/__emulator__/customers`);
  return (await response.json()) as StripeCustomer[];
}

async function allSlackTexts(fleet: Fleet): Promise<string[]> {
  const { token, apiUrl, channel } = fleet.saas.connections().slack;
  const response = await fetch(new URL(`conversations.history?channel=${channel}&limit=1000`, apiUrl), {
    headers: { authorization: `Bearer ${token}` },
  });
  const { messages = [] } = (await response.json()) as { messages?: unknown[] };
  return messages.map((message) => JSON.stringify(message));
}

type Attribute = Readonly<Record<string, unknown>>;

function unmarshall(item: Record<string, Attribute>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(item).map(([name, attribute]) => [name, plainOf(attribute)]));
}

function plainOf(attribute: Attribute): unknown {
  const [[type, value] = []] = Object.entries(attribute);
  if (type === "N") return Number(value);
  if (type === "NULL") return null;
  if (type === "M") return unmarshall(value as Record<string, Attribute>);
  if (type === "L") return (value as Attribute[]).map(plainOf);
  return value;
}
