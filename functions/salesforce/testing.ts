import type { SQSRecord } from "aws-lambda";
import type { Delivery } from "#shared/handler/delivery.ts";
import { type ChangeEvent, decodeChange } from "./changes/cdc.ts";
import type { DescribedField, QueryPage, Salesforce } from "./client/types.ts";
import type { SalesforceConnection } from "./org/connection.ts";

export const ORG = "00D5f000005KcCnEAK";
export const USER = "0055f000005mc66AAA";
export const ACCOUNT = "0015f00002J9YaUAAV";
export const OTHER_ACCOUNT = "0015f00002J9YYEAA3";
export const CONTACT = "003ak00000IiFInAAN";
export const OTHER_CONTACT = "003ak00000IiFIoAAN";
export const CLIENT_NAME = "connector-fleet/1.0";
export const COMMIT = 1_790_000_000_000;

/** A valid header; members can be changed, or taken out with `undefined`. */
export function header(members: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    entityName: "Account",
    recordIds: [ACCOUNT],
    changeType: "UPDATE",
    changeOrigin: "com/salesforce/api/soap/60.0;client=SfdcInternalAPI/",
    transactionKey: "0001ae4b-7024-a64a-87f0-f2c8cebdca76",
    sequenceNumber: 1,
    commitTimestamp: COMMIT,
    commitUser: USER,
    changedFields: ["Name", "LastModifiedDate"],
    ...members,
  };
}

/** A message as Event Relay makes it. */
export function relayed(members: Record<string, unknown> = {}, envelope: Record<string, unknown> = {}): string {
  return JSON.stringify({
    version: "0",
    id: "5c42b99e-c214-4a9c-8fbd-1a41e5faa44a",
    "detail-type": "AccountChangeEvent",
    source: `aws.partner/salesforce.com/${ORG}/0YL5f000000CabWGAS`,
    detail: { payload: { ChangeEventHeader: header(members), Name: "Acme" } },
    ...envelope,
  });
}

export function changeOf(members: Record<string, unknown> = {}, envelope: Record<string, unknown> = {}): ChangeEvent {
  return decodeChange(relayed(members, envelope));
}

/** A delivery of a decoded change, with the queue record it came in. */
export function deliveryOf(messageId: string, event: ChangeEvent): Delivery<ChangeEvent> {
  const record = { messageId, body: "", attributes: { ApproximateReceiveCount: "1" } } as SQSRecord;
  return { event, messageId, body: "", receiveCount: 1, traceHeader: undefined, record };
}

/** An Account as REST gives it. */
export function account(Id: string, fields: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    attributes: { type: "Account", url: `/services/data/v67.0/sobjects/Account/${Id}` },
    Id,
    Name: "Acme",
    Billing_Email__c: "pay@acme.example",
    Phone: "+49 30 1",
    BillingAddress: null,
    Plan__c: "Team",
    SystemModstamp: "2026-09-21T14:13:20.000+0000",
    ...fields,
  };
}

/** A billing contact of ACCOUNT as REST gives it. */
export function contact(Id: string, fields: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    attributes: { type: "Contact", url: `/services/data/v67.0/sobjects/Contact/${Id}` },
    Id,
    AccountId: ACCOUNT,
    Is_Billing_Contact__c: true,
    Name: "Ada Example",
    Email: "ada@acme.example",
    Phone: "+49 30 2",
    SystemModstamp: "2026-09-21T14:13:20.000+0000",
    ...fields,
  };
}

type Rest = Readonly<Record<string, unknown>>;

/** What a fake organisation holds, and how it answers. */
export interface FakeOrg {
  /** Records by object, the deleted ones with `IsDeleted: true`. */
  readonly records?: Readonly<Record<string, readonly Rest[]>>;
  readonly described?: Readonly<Record<string, readonly DescribedField[]>>;
  readonly connection?: Partial<SalesforceConnection>;
  /** Records on a page of a query. */
  readonly pageSize?: number;
  /** Thrown by every read. */
  readonly fails?: Error;
}

/** What the feeds ask of Salesforce, over plain records; `calls` lists the API calls with what they named. */
export function fakeSalesforce(org: FakeOrg = {}) {
  const calls: string[] = [];
  const all = (entity: string) => org.records?.[entity] ?? [];
  const alive = (entity: string) => all(entity).filter(({ IsDeleted }) => !IsDeleted);
  const note = (call: string) => {
    calls.push(call);
    if (org.fails) throw org.fails;
  };
  const salesforce: Pick<Salesforce, "connection" | "readRecords" | "findDeleted" | "query" | "describe"> = {
    connection: async () => connectionOf(org.connection),
    async readRecords(entity, ids, fields) {
      note(`read ${entity} ${fields.join(",")}: ${ids.join(",")}`);
      const found = alive(entity).filter(({ Id }) => ids.includes(Id as string));
      return new Map(found.map((record) => [record.Id as string, record]));
    },
    async findDeleted(entity, ids) {
      note(`findDeleted ${entity}: ${ids.join(",")}`);
      const found = all(entity).filter(({ Id }) => ids.includes(Id as string));
      return new Map(
        found.map(({ Id, IsDeleted, SystemModstamp }) => [
          Id as string,
          { isDeleted: IsDeleted === true, systemModstamp: SystemModstamp as string },
        ]),
      );
    },
    async query<T>(soql: string, options: { deleted?: boolean } = {}): Promise<QueryPage<T>> {
      note(`${options.deleted ? "queryAll" : "query"} ${soql}`);
      const entity = / FROM (\w+) /.exec(soql)?.[1] ?? "";
      const records = (options.deleted ? all(entity) : alive(entity)).filter((record) => satisfies(record, soql));
      const sorted = records.toSorted((a, b) => ((a.Id as string) < (b.Id as string) ? -1 : 1));
      const page = sorted.slice(0, org.pageSize ?? 2_000);
      return { records: page as T[], totalSize: sorted.length, done: page.length === sorted.length };
    },
    async describe(entity) {
      note(`describe ${entity}`);
      return org.described?.[entity] ?? [];
    },
  };
  return { ...salesforce, calls };
}

function connectionOf(members: Partial<SalesforceConnection> = {}): SalesforceConnection {
  return {
    loginUrl: "https://acme.my.salesforce.com",
    clientId: "client",
    clientSecret: "secret",
    apiVersion: "67.0",
    orgId: ORG,
    integrationClientName: CLIENT_NAME,
    ...members,
  } as SalesforceConnection;
}

/** The conditions that the feeds write: `F = true`, `F IN ('…')` and `Id > '…'`, all of which must hold. */
function satisfies(record: Rest, soql: string): boolean {
  const [, flag] = / WHERE (\w+) = true/.exec(soql) ?? [];
  const [, field = "", list = ""] = / (\w+) IN \(([^)]*)\)/.exec(soql) ?? [];
  const [, after = ""] = / Id > '(\w+)'/.exec(soql) ?? [];
  const value = String(record[field]);
  return (!flag || record[flag] === true) && list.includes(`'${value}'`) && (record.Id as string) > after;
}
