import type { Failure } from "#shared/handler/queue.ts";
import type { OutgoingEvent } from "#shared/publish.ts";
import type { StateTable } from "#shared/state-table.ts";
import type { ChangeSegment } from "#shared/tracing.ts";
import { COMMIT, deliveryOf, type FakeOrg, fakeSalesforce, ORG } from "../testing.ts";
import type { CaptureDependencies } from "./capture-changes.ts";
import type { ChangeEvent } from "./cdc.ts";

export const NOW = COMMIT + 2_000;

export interface World extends FakeOrg {
  /** Other organisations by id. */
  readonly others?: Readonly<Record<string, FakeOrg>>;
  /** Errors of the bus by customer id, or by entity for a reconciliation. */
  readonly refuse?: Readonly<Record<string, Error>>;
  /** Thrown by every write of the state table. */
  readonly stateFails?: Error;
}

/** A state table in memory; `expiries` has what was written with an end, in epoch seconds. */
function fakeState(fails: Error | undefined) {
  const values = new Map<string, unknown>();
  const revisions = new Map<string, number>();
  const expiries = new Map<string, number>();
  const revisionOf = (key: string) => revisions.get(key) ?? 0;
  const state: Pick<StateTable, "readMany" | "replace" | "writeMany"> = {
    async readMany(wanted, schema) {
      const found = wanted.filter((key) => values.has(key));
      return new Map(
        found.map((key) => [key, { value: schema.safeParse(values.get(key)).data, revision: revisionOf(key) }]),
      ) as never;
    },
    async replace(key, value, revision) {
      if (fails) throw fails;
      if (revisionOf(key) !== revision) return false;
      values.set(key, value);
      revisions.set(key, revision + 1);
      return true;
    },
    async writeMany(entries, { expiresAt } = {}) {
      if (fails) throw fails;
      for (const { key, value } of entries) {
        values.set(key, value);
        if (expiresAt) expiries.set(key, expiresAt);
      }
    },
  };
  return { state, values, expiries };
}

/** Salesforce, bus, state and tracing as plain functions over `world`, with a note of what was asked of them. */
export function setUp(world: World = {}) {
  const orgs = new Map(
    Object.entries({ [ORG]: world, ...world.others }).map(([orgId, org]) => [
      orgId,
      fakeSalesforce({ ...org, connection: { orgId, ...org.connection } }),
    ]),
  );
  const published: OutgoingEvent[] = [];
  const counted = new Map<string, number>();
  const segments: (ChangeSegment & { failed: boolean })[] = [];
  const { state, values, expiries } = fakeState(world.stateFails);
  const deps: CaptureDependencies = {
    orgs: { ids: [...orgs.keys()], salesforce: (orgId) => orgs.get(orgId) as ReturnType<typeof fakeSalesforce> },
    state,
    findEchoes: async (changes, clientName) =>
      new Set(changes.filter(({ changeOrigin }) => changeOrigin.endsWith(`;client=${clientName}`))),
    async publish(events) {
      published.push(...events);
      return events.map((event) => {
        const error = world.refuse?.[idOf(event)];
        return error ? { event, error } : { event };
      });
    },
    async inChange(segment, work) {
      const seen = { ...segment, failed: false };
      segments.push(seen);
      return work().catch((error) => {
        seen.failed = true;
        throw error;
      });
    },
    annotate: () => undefined,
    count: (metric, value) => counted.set(metric, (counted.get(metric) ?? 0) + value),
    now: () => NOW,
    sampleRate: 1,
  };
  const calls = (orgId = ORG) => orgs.get(orgId)?.calls ?? [];
  /** Keys of the marks of captured changes. */
  const seen = () => [...values.keys()].filter((key) => key.startsWith("seen/"));
  return { deps, published, counted, segments, calls, values, expiries, seen };
}

/** The customer that an event is about, or the entity to be compared. */
export function idOf({ detail: { data } }: OutgoingEvent): string {
  const { customer, customerId, entity } = data as {
    customer?: { customerId: string };
    customerId?: string;
    entity?: string;
  };
  return customer?.customerId ?? customerId ?? entity ?? "none";
}

export const deliveries = (...events: ChangeEvent[]) =>
  events.map((event, index) => deliveryOf(`m${index + 1}`, event));

export const messageOf = (failures: readonly Failure[]) =>
  failures[0] ? (failures[0].error as Error).message : "none";

export const summary = (failures: readonly Failure[]) =>
  failures.map(({ record, error }) => [record.messageId, (error as Error).name, (error as { code: string }).code]);
