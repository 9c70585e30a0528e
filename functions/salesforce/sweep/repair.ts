import { inParallel } from "#shared/chunks.ts";
import { customerChanged, customerDeleted } from "#shared/contracts/events.ts";
import type { Metadata } from "#shared/contracts/metadata.ts";
import type { CustomerStore } from "#shared/customer-store.ts";
import { InvalidInputError, isRetryable } from "#shared/errors.ts";
import { lazy } from "#shared/lazy.ts";
import { log } from "#shared/observability.ts";
import { createEvent, type OutgoingEvent, type Publish } from "#shared/publish.ts";
import type { annotate, inChange } from "#shared/tracing.ts";
import { type ChangeIdentity, identify } from "../changes/identity.ts";
import { isGivenUp, type RetryDependencies, retryForgotten } from "./behind.ts";
import type { EqualCustomer, Findings, Repair } from "./findings.ts";
import { type ComparingFeed, type ParkDependencies, parkUnusable, type Unusable } from "./park.ts";
import type { Counts } from "./progress.ts";
import { parseVersion } from "./versions.ts";

export interface RepairDependencies {
  readonly store: Pick<CustomerStore, "raiseVersion">;
  readonly publish: Publish;
  readonly inChange: typeof inChange;
  readonly annotate: typeof annotate;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Share of changes to trace, 0 to 1. */
  readonly sampleRate: number;
}

/** On whose behalf customers are repaired. */
export interface RepairContext {
  /** Of the request. */
  readonly metadata: Metadata;
  readonly lane: "bulk" | undefined;
  readonly feed: ComparingFeed;
}

/** As a sweep has it. */
export interface SweepContext extends RepairContext {
  /** Whether a person asked for the sweep: then what was given up is tried once more. */
  readonly isAsked: boolean;
}

/** A difference that is on its way through the sync, and the event that carries it. */
export interface Sent {
  readonly repair: Repair;
  readonly metadata: Metadata;
}

/** Who made the change, in the events of a feed. */
export const actorOf = (feed: ComparingFeed) => `system:${feed}`;

/** Requests to the store at the same time. */
export const WRITES_AT_ONCE = 25;

/**
 * Sends what differs into the sync, notes the versions of what is equal, so that the next sweep need not ask again, has
 * billing brought to whom nobody would bring it to, and parks what cannot be used.
 * @returns what became of the page
 * @throws TransientError or NotAuthorizedError when an event could not be published; what was published stays so
 */
export async function repair(
  findings: Findings,
  context: SweepContext,
  deps: RepairDependencies & ParkDependencies & RetryDependencies,
): Promise<Counts> {
  const overtaken = await noteVersions(findings.equal, deps);
  const repairs = [...findings.repairs, ...overtaken];
  const { refused } = await publishRepairs(repairs, context, deps);
  const unusable = [...findings.unusable, ...refused];
  const others = new Set([...repairs, ...unusable].map(({ customerId }) => customerId));
  const stored = findings.stored.filter((one) => !others.has(one.customerId) && (context.isAsked || !isGivenUp(one)));
  await retryForgotten(stored, deps);
  await parkUnusable(unusable, context.metadata, context.feed, deps);
  if (findings.unexplained.length > 0)
    log().error("Customers whose accounts are gone and were never deleted: check the integration user's access", {
      customerIds: findings.unexplained,
    });
  const refusedIds = new Set(refused.map(({ customerId }) => customerId));
  const count = (kind: Repair["kind"]) =>
    repairs.filter((one) => one.kind === kind && !refusedIds.has(one.customerId)).length;
  return {
    compared: findings.compared,
    missing: count("missing"),
    different: count("different"),
    deleted: count("deleted"),
    unexplained: findings.unexplained.length,
    unusable: unusable.length,
    apiCalls: 0,
  };
}

/**
 * Notes the versions of what is equal.
 * @returns customers that were equal when they were compared and no more when they were noted: an older change came between
 */
export async function noteVersions(
  equal: readonly EqualCustomer[],
  { store }: Pick<RepairDependencies, "store">,
): Promise<Repair[]> {
  const overtaken: Repair[] = [];
  await inParallel(equal, WRITES_AT_ONCE, async ({ customer, version, happenedAt, stored }) => {
    const { customerId } = customer;
    const record = await store.raiseVersion(customerId, stored.version, version);
    if (record && record.version < version && (record.deleted || record.contentHash !== stored.contentHash))
      overtaken.push({ kind: "different", customerId, version, customer, happenedAt });
  });
  return overtaken;
}

interface Planned {
  readonly repair: Repair;
  readonly identity: ChangeIdentity;
  readonly event: OutgoingEvent;
}

/**
 * Publishes every repair inside a trace of its own.
 * @throws TransientError or NotAuthorizedError when one could not be published; what was published stays so
 */
export async function publishRepairs(
  repairs: readonly Repair[],
  context: RepairContext,
  deps: Omit<RepairDependencies, "store">,
): Promise<{ sent: Sent[]; refused: Unusable[] }> {
  const planned = repairs.map((one) => plan(one, context, deps));
  const published = lazy(async () => {
    const results = await deps.publish(planned.map(({ event }) => event));
    return new Map(results.map(({ event, error }) => [event, error]));
  });
  const works = planned.map(async ({ repair: { kind, customerId, version }, identity, event }) => {
    const segment = {
      name: `salesforce/${context.feed}`,
      correlationId: identity.correlationId,
      customerId,
      traceHeader: identity.rootHeader,
      segmentId: identity.segmentId,
      annotations: { connector: "salesforce", drift: kind },
    };
    const work = async () => {
      const error = (await published()).get(event);
      if (error) throw error;
      deps.annotate("version", version);
      log().info("Difference sent into the sync", { drift: kind, version });
    };
    return deps.inChange(segment, work).then(
      () => undefined,
      (error: unknown) => ({ customerId, error }),
    );
  });
  const failures = await Promise.all(works);
  const failed = failures.filter((failure) => failure !== undefined);
  const blocking = failed.find(({ error }) => isRetryable(error)) ?? failed.find(({ error }) => !isUnusable(error));
  if (blocking) throw blocking.error;
  const sent = planned.filter((_, index) => failures[index] === undefined);
  return {
    sent: sent.map(({ repair, event }) => ({ repair, metadata: event.detail.metadata })),
    refused: failed as Unusable[],
  };
}

function isUnusable(error: unknown): error is InvalidInputError {
  return error instanceof InvalidInputError;
}

function plan(
  one: Repair,
  { metadata: { orgId, eventId: causationId }, lane, feed }: RepairContext,
  deps: Pick<RepairDependencies, "sampleRate" | "now">,
): Planned {
  const { customerId, version, customer, happenedAt } = one;
  // The version is as good as a transaction's key: nobody else makes one with this moment of reading.
  const birth = {
    transactionKey: `${feed}/${version}`,
    sequenceNumber: 0,
    commitTimestamp: parseVersion(version).readAt,
  };
  const identity = identify(birth, customerId, { orgId, sampleRate: deps.sampleRate, now: deps.now() });
  const metadata = {
    eventId: identity.eventId,
    occurredAt: new Date(happenedAt).toISOString(),
    correlationId: identity.correlationId,
    causationId,
    traceHeader: identity.traceHeader,
    orgId,
    actor: actorOf(feed),
    ...(lane ? { lane } : {}),
  };
  const event = customer
    ? createEvent(customerChanged, metadata, { customer, version })
    : createEvent(customerDeleted, metadata, { customerId, orgId, version });
  return { repair: one, identity, event };
}
