import type { SQSRecord } from "aws-lambda";
import { InvalidInputError } from "#shared/errors.ts";
import type { Delivery } from "#shared/handler/delivery.ts";
import type { StateTable } from "#shared/state-table.ts";
import { version } from "#shared/testing/customers-table.ts";
import { METADATA } from "#shared/testing/metadata.ts";
import type { Priority, Salesforce } from "../client/types.ts";
import { ACCOUNT, ORG } from "../testing.ts";
import type { SyncEvent } from "./outcome.ts";
import type { WriteBackDependencies } from "./write-outcomes.ts";

type Synced = Extract<SyncEvent, { type: "customer.synced" }>;
type Failed = Extract<SyncEvent, { type: "customer.sync-failed" }>;
type Changes<E extends SyncEvent> = {
  metadata?: Partial<E["detail"]["metadata"]>;
  data?: Partial<E["detail"]["data"]>;
};

/** A fixed moment: when the n-th run ended. */
export const endOf = (n: number) => new Date(Date.parse("2026-01-01T00:00:00.400Z") + n * 1000).toISOString();
/** The same as Salesforce keeps and REST writes it. */
export const timeOf = (n: number) => endOf(n).replace(".400Z", ".000+0000");

/** The n-th run of customer-sync for ACCOUNT, which brought a change to store and billing. */
export function synced(n: number, changes: Changes<Synced> = {}): Synced {
  const data: Synced["detail"]["data"] = {
    customerId: ACCOUNT,
    version: version(n),
    change: "changed",
    store: "updated",
    billing: { outcome: "updated", stripeCustomerId: "cus_1" },
  };
  const detail = { metadata: { ...metadataOf(n), ...changes.metadata }, data: { ...data, ...changes.data } };
  return { type: "customer.synced", detail };
}

/** The n-th run for ACCOUNT, which found everything in step already. */
export function unchanged(n: number, changes: Changes<Synced> = {}): Synced {
  const billing = { outcome: "unchanged" as const, stripeCustomerId: "cus_1" };
  return synced(n, { ...changes, data: { store: "unchanged", billing, ...changes.data } });
}

/** The n-th run for ACCOUNT, which failed in billing. */
export function failed(n: number, changes: Changes<Failed> = {}): Failed {
  const data: Failed["detail"]["data"] = {
    customerId: ACCOUNT,
    version: version(n),
    parkedId: `parked-${n}`,
    state: "UpsertBilling",
    error: { name: "RejectedByTargetError", message: "refused pay@acme.example" },
  };
  const detail = { metadata: { ...metadataOf(n), ...changes.metadata }, data: { ...data, ...changes.data } };
  return { type: "customer.sync-failed", detail };
}

function metadataOf(n: number): SyncEvent["detail"]["metadata"] {
  const ids = { eventId: `event-${n}`, correlationId: `correlation-${n}` };
  return { ...METADATA, ...ids, occurredAt: endOf(n), orgId: ORG };
}

export function deliveryOf(event: SyncEvent, messageId = "m1", receiveCount = 1): Delivery<SyncEvent> {
  const record = { messageId, body: "", attributes: {} } as SQSRecord;
  return { event, messageId, body: "", receiveCount, traceHeader: undefined, record };
}

export const deliveries = (...events: SyncEvent[]) => events.map((event, n) => deliveryOf(event, `m${n + 1}`));

/** A state table in memory. */
export function fakeState() {
  const items = new Map<string, { value: unknown; revision: number }>();
  const state: WriteBackDependencies["state"] = {
    async read(key) {
      return items.get(key) as never;
    },
    async readMany(keys) {
      return new Map(keys.flatMap((key) => (items.has(key) ? [[key, items.get(key)]] : []))) as never;
    },
    async replace(key, value, revision) {
      if ((items.get(key)?.revision ?? 0) !== revision) return false;
      items.set(key, { value: structuredClone(value), revision: revision + 1 });
      return true;
    },
  } satisfies Partial<StateTable>;
  return { state, items };
}

type Account = Record<string, unknown>;

/** Accounts by id in memory; `reads` and `updates` have what each call named. `refuse` may fail a record by its id. */
export function fakeOrg(
  accounts: Record<string, Account>,
  refuse: (id: string) => Error | undefined = () => undefined,
) {
  const reads: (readonly string[])[] = [];
  const updates: (readonly Account[])[] = [];
  const salesforce: Pick<Salesforce, "readRecords" | "updateRecords"> = {
    async readRecords(_entity, ids) {
      reads.push(ids);
      return new Map(ids.flatMap((id) => (accounts[id] ? [[id, { Id: id, ...accounts[id] }]] : [])));
    },
    async updateRecords(_entity, records) {
      updates.push(records);
      return records.map(({ Id, ...values }) => {
        const id = Id as string;
        const error = refuse(id);
        if (error) return { id, error };
        accounts[id] = { ...accounts[id], ...asKept(values) };
        return { id };
      });
    },
  };
  return { accounts, reads, updates, salesforce };
}

/** REST writes moments with `+0000`. */
function asKept(values: Account): Account {
  const { Sync_Time__c: time } = values;
  return typeof time === "string" ? { ...values, Sync_Time__c: time.replace("Z", "+0000") } : values;
}

/** When the tests take place. */
const NOW = "2026-01-01T00:00:00.000Z";

/** Marks of customers in memory: those in `since` are behind since that moment, those in `failing` fail since then; `log` has what was noted. */
export function fakeMarks() {
  const since = new Map<string, string>();
  const failing = new Map<string, string>();
  const log: string[] = [];
  const behind: WriteBackDependencies["behind"] = {
    marked: async (ids) => new Set(ids.filter((id) => since.has(id))),
    reached: async (id, target, reached) => void log.push(`${id} reached ${target} ${reached}`),
    giveUp: async (id, { target, parkedId }) => void log.push(`${id} given up ${target} ${parkedId}`),
    async failed(id, target, { code, retryAfterSeconds = "any", counts, isTry = true }) {
      log.push(`${id} ${isTry ? "failed" : "untried"} ${target} ${code} ${retryAfterSeconds}`);
      const moment = since.get(id);
      if (!moment) return undefined;
      if (counts && !failing.has(id)) failing.set(id, NOW);
      const failingSince = failing.get(id);
      return { since: moment, markedAt: moment, tries: 1, ...(failingSince ? { failingSince } : {}) };
    },
  };
  return { behind, since, failing, log };
}

/** Everything around write-back in memory: accounts by organisation, ORG's by themselves. */
export function setUp(
  accounts: Record<string, Account> = { [ACCOUNT]: {} },
  refuse?: (id: string) => Error | undefined,
  others: Readonly<Record<string, ReturnType<typeof fakeOrg>>> = {},
) {
  const org = fakeOrg(accounts, refuse);
  const { state, items } = fakeState();
  const orgs: Readonly<Record<string, ReturnType<typeof fakeOrg>>> = { [ORG]: org, ...others };
  const marks = fakeMarks();
  const asked: string[] = [];
  const segments: { correlationId: string; failed: boolean }[] = [];
  const orgsFor = (priority: Priority) => ({
    salesforce(orgId: string) {
      asked.push(`${priority} ${orgId}`);
      if (!orgs[orgId]) throw new InvalidInputError("OTHER_ORG", `not connected to ${orgId}`);
      return orgs[orgId].salesforce as Salesforce;
    },
  });
  const deps: WriteBackDependencies = {
    orgs: { live: orgsFor("live"), background: orgsFor("background") },
    state,
    async inChange({ correlationId }, work) {
      const segment = { correlationId, failed: false };
      segments.push(segment);
      return work().catch((error) => {
        segment.failed = true;
        throw error;
      });
    },
    now: () => Date.parse(NOW),
    behind: marks.behind,
    giveUpAfterSeconds: 86_400,
    awayUntil: async () => 0,
  };
  return { ...org, deps, items, asked, segments, marks };
}
