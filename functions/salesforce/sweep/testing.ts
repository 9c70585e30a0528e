import type { SQSRecord } from "aws-lambda";
import { createBehind } from "#shared/behind/behind.ts";
import { TARGETS } from "#shared/behind/marks.ts";
import { formatVersion } from "#shared/contracts/customer.ts";
import {
  customerChanged,
  customerDeleted,
  customerDriftFound,
  reconciliationRequested,
} from "#shared/contracts/events.ts";
import { createCustomerStore } from "#shared/customer-store.ts";
import { FleetError } from "#shared/errors.ts";
import { type Delivery, decodeFleetEvent, type FleetEvent } from "#shared/handler/delivery.ts";
import type { ParkedWork } from "#shared/parked/work.ts";
import type { OutgoingEvent } from "#shared/publish.ts";
import { createStateTable } from "#shared/state-table.ts";
import { startCustomersTable, TABLE } from "#shared/testing/customers-table.ts";
import { startTable } from "#shared/testing/dynamo.ts";
import { ownersOf, rememberOwners } from "../changes/owners.ts";
import type { Salesforce } from "../client/types.ts";
import { readCustomers } from "../mapping/snapshots.ts";
import { SimulatedOrg } from "./simulated-org.ts";
import { type SweepDependencies, sweepObject } from "./sweep-object.ts";

type Request = FleetEvent<typeof reconciliationRequested>;

const STATE = "salesforce-state-test";

/** Customers and state on loopback tables. */
export async function startTables() {
  const [customers, kept] = await Promise.all([startCustomersTable(), startTable(STATE, "key")]);
  return {
    client: customers.client,
    store: createCustomerStore(TABLE, customers.client),
    behind: createBehind(TABLE, { client: customers.client }),
    state: createStateTable(STATE, { client: kept.client }),
    close: () => Promise.all([customers.close(), kept.close()]),
  };
}

export type Tables = Awaited<ReturnType<typeof startTables>>;

/** A new organisation, and everything around a sweep of it. */
export function newBench(tables: Tables) {
  const org = new SimulatedOrg();
  return { org, bench: new SweepBench(org, tables) };
}

/** Everything around a sweep of one organisation: the bus, the queue, the sync, and the live feed. */
export class SweepBench {
  readonly org: SimulatedOrg;
  readonly tables: Tables;
  /** Everything published, in order. */
  published: OutgoingEvent[] = [];
  /** Everything parked, by its id. */
  readonly parked = new Map<string, ParkedWork>();
  budgetMs = Number.POSITIVE_INFINITY;
  /** How often requests may fail for now before the failure is thrown. */
  maxTries = 500;
  /** Fails a publication before it is taken. */
  failPublish: (event: OutgoingEvent) => Error | undefined = () => undefined;
  /** Fails to park. */
  failPark: () => Error | undefined = () => undefined;
  #requests = 0;

  constructor(org: SimulatedOrg, tables: Tables) {
    this.org = org;
    this.tables = tables;
  }

  get salesforce(): Salesforce {
    return this.org.salesforce as Salesforce;
  }

  get deps(): SweepDependencies {
    return {
      ...this.tables,
      orgs: { ids: [], salesforce: () => this.salesforce },
      publish: async (events) =>
        events.map((event) => {
          const error = this.failPublish(event);
          if (error) return { event, error };
          this.published.push(event);
          return { event };
        }),
      park: async (work) => {
        const error = this.failPark();
        if (error) throw error;
        this.parked.set(work.parkedId, work);
      },
      inChange: (_change, work) => work(),
      annotate: () => undefined,
      now: () => this.org.time,
      sampleRate: 1,
      budgetMs: this.budgetMs,
    };
  }

  /** Asks for a sweep and works every request that follows from it, as the queue would: what fails for now comes again. */
  async sweep(data: Partial<Request["detail"]["data"]> = {}): Promise<OutgoingEvent[]> {
    this.published = [];
    let body: string | undefined = this.#request(data);
    for (let tries = 0; body; tries += 1) {
      const before = this.published.length;
      try {
        await sweepObject(deliveryOf(body), this.deps);
      } catch (error) {
        if (!(error instanceof FleetError) || !error.retryable || tries >= this.maxTries) throw error;
        continue;
      }
      const next = this.published.slice(before).find(({ contract }) => contract === reconciliationRequested);
      body = next && bodyOf(next);
    }
    return this.published;
  }

  /** The customers that the last sweep sent into the sync, sorted. */
  get repaired(): string[] {
    const ids = this.published.flatMap(({ contract, detail }) => {
      if (contract === customerChanged) return [`changed ${(detail.data as Changed).customer.customerId}`];
      return contract === customerDeleted ? [`deleted ${(detail.data as { customerId: string }).customerId}`] : [];
    });
    return [...new Set(ids)].sort();
  }

  /** What the last sweep said at its end. */
  get drift(): Record<string, unknown> | undefined {
    const found = this.published.filter(({ contract }) => contract === customerDriftFound).at(-1);
    return found?.detail.data as Record<string, unknown> | undefined;
  }

  /** Stores what was published, as the sync does. */
  async sync(): Promise<void> {
    for (const { contract, detail } of this.published)
      if (contract === customerChanged) {
        const { customer, version } = detail.data as Changed;
        await this.tables.store.save(customer, version, detail.metadata);
        await this.bill(customer.customerId);
      } else if (contract === customerDeleted) {
        const { version, ...account } = detail.data as { customerId: string; orgId: string; version: string };
        await this.tables.store.markDeleted(account, version, detail.metadata);
        await this.settle(account.customerId, version);
      }
  }

  /** Brings one account into the store, as capture and sync do after a change event that was not lost. */
  async capture(accountId: string): Promise<void> {
    const commit = this.org.modstampOf(accountId);
    const cause = { correlationId: "c", actor: "005000000000001AAA", occurredAt: new Date(commit).toISOString() };
    const calls = this.org.calls.length;
    const snapshots = await readCustomers(this.salesforce, [accountId]);
    await rememberOwners(this.tables.state, ownersOf(snapshots), {
      orgId: this.org.id,
      settled: new Set([accountId]),
    });
    const snapshot = snapshots.get(accountId);
    this.org.calls.length = calls;
    if (snapshot instanceof Error) return;
    const version = formatVersion(snapshot?.systemModstamp ?? commit, commit, this.org.time);
    if (snapshot) {
      await this.tables.store.save(snapshot.customer, version, cause);
      await this.bill(accountId);
      return;
    }
    await this.tables.store.markDeleted({ customerId: accountId, orgId: this.org.id }, version, cause);
    await this.settle(accountId, version);
  }

  /** Makes billing equal to what is stored, and has the account tell so. */
  async bill(accountId: string): Promise<void> {
    const record = await this.tables.store.read(accountId);
    if (!record) return;
    const id = `cus_${accountId}`;
    await this.tables.store.linkBilling(accountId, { id, version: record.version });
    this.org.tell(accountId, { Stripe_Customer_Id__c: id, Sync_State__c: "synced" });
    await this.settle(accountId, record.version);
  }

  /** Takes away the marks of a customer that is in step with every target. */
  async settle(accountId: string, version: string): Promise<void> {
    for (const target of TARGETS) await this.tables.behind.reached(accountId, target, version);
  }

  #request(data: Partial<Request["detail"]["data"]>): string {
    this.#requests += 1;
    const metadata = {
      eventId: `request-${this.#requests}`,
      occurredAt: new Date(this.org.time).toISOString(),
      correlationId: `sweep-${this.#requests}`,
      causationId: "person",
      orgId: this.org.id,
      actor: "system:schedule",
      schemaVersion: 1,
    };
    const detail = { metadata, data: { entity: "Account", reason: "schedule", full: false, ...data } };
    return JSON.stringify({ "detail-type": reconciliationRequested.type, detail });
  }
}

interface Changed {
  readonly customer: Parameters<Tables["store"]["save"]>[0];
  readonly version: string;
}

/** An event as its consumer's queue holds it. */
function bodyOf({ contract, detail }: OutgoingEvent): string {
  return JSON.stringify({ "detail-type": contract.type, detail });
}

function deliveryOf(body: string): Delivery<Request> {
  const event = decodeFleetEvent([reconciliationRequested])(body);
  const record = { messageId: "m", body, attributes: { ApproximateReceiveCount: "1" } } as SQSRecord;
  return { event, messageId: "m", body, receiveCount: 1, traceHeader: undefined, record };
}

/** Fails about one call in `n`, by its number and with long pauses too, so that a page tried again gets through. */
export function failsAt(number: number, n: number): boolean {
  let mixed = Math.imul(number ^ (number >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0 < 2 ** 32 / n;
}
