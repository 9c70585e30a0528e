import { formatVersion } from "#shared/contracts/customer.ts";
import { customerChanged, customerDeleted } from "#shared/contracts/events.ts";
import { describeError, InvalidInputError, isRetryable, RateLimitedError, TransientError } from "#shared/errors.ts";
import type { Delivery } from "#shared/handler/delivery.ts";
import type { Failure } from "#shared/handler/queue.ts";
import { lazy } from "#shared/lazy.ts";
import { log } from "#shared/observability.ts";
import { createEvent, type NewMetadata, type OutgoingEvent, type Publish } from "#shared/publish.ts";
import type { annotate, inChange } from "#shared/tracing.ts";
import type { Deletion, Salesforce } from "../client.ts";
import { ACCOUNT_FIELDS, toCustomer } from "../mapping/map.ts";
import type { ChangeEvent } from "./cdc.ts";
import { coalesce, type TouchedRecord } from "./coalesce.ts";
import { isEcho } from "./echo.ts";
import { type ChangeIdentity, identify } from "./identity.ts";

type Change = Delivery<ChangeEvent>;
type Touched = TouchedRecord<Change> & { readonly identity: ChangeIdentity };

export interface CaptureDependencies {
  readonly salesforce: Salesforce;
  readonly publish: Publish;
  readonly inChange: typeof inChange;
  readonly annotate: typeof annotate;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Share of changes to trace, 0 to 1. */
  readonly sampleRate: number;
}

/**
 * Turns a batch of change events into what is true now: drops our own echoes, reads every touched account once, and
 * publishes `customer.changed` or `customer.deleted` for each. A message fails when any of its records did; the others
 * go on.
 */
export async function captureChanges(changes: readonly Change[], deps: CaptureDependencies): Promise<Failure[]> {
  const { orgId, integrationClientName } = await deps.salesforce.connection();
  const foreign = changes.filter(({ event }) => event.orgId !== undefined && event.orgId !== orgId);
  const own = changes.filter((change) => !foreign.includes(change) && !isEcho(change.event, integrationClientName));
  const touched = coalesce(own).map((record): Touched => {
    const settings = { orgId, sampleRate: deps.sampleRate, now: deps.now() };
    return { ...record, identity: identify(record.newest, record.recordId, settings) };
  });
  const errors = await captureRecords(touched, orgId, deps);
  return [
    ...foreign.map(({ record, event }) => ({ record, error: foreignOrg(event.orgId, orgId) })),
    ...own.flatMap(({ record, event }) => {
      const failed = event.recordIds.flatMap((id) => (errors.has(id) ? [{ recordId: id, error: errors.get(id) }] : []));
      const all = [...event.refusedIds, ...failed];
      return all.length === 0
        ? []
        : [{ record, error: joinErrors(all, event.recordIds.length + event.refusedIds.length) }];
    }),
  ];
}

/** Works every record inside its own change's trace; the shared calls belong to the first. Errors by record id. */
async function captureRecords(
  touched: readonly Touched[],
  orgId: string,
  deps: CaptureDependencies,
): Promise<Map<string, unknown>> {
  const published = lazy(() => readAndPublish(touched, orgId, deps));
  const errors = new Map<string, unknown>();
  const works = touched.map(async ({ recordId, newest, identity }) => {
    const segment = {
      name: "salesforce/capture",
      correlationId: identity.correlationId,
      customerId: recordId,
      traceHeader: identity.rootHeader,
      segmentId: identity.segmentId,
      annotations: { connector: "salesforce", changeType: newest.changeType },
    };
    const work = async () => {
      const outcome = (await published()).get(recordId);
      if (outcome instanceof Error) throw outcome;
      if (outcome) deps.annotate("version", outcome);
      log().info("Change captured", { changeType: newest.changeType, version: outcome });
    };
    const logged = () =>
      work().catch((error) => {
        log().warn("Change not captured", { changeType: newest.changeType, error: describeError(error) });
        throw error;
      });
    await deps.inChange(segment, logged).catch((error) => errors.set(recordId, error));
  });
  await Promise.all(works);
  return errors;
}

/** By record id: the version that was published, or why nothing was. */
async function readAndPublish(
  touched: readonly Touched[],
  orgId: string,
  deps: CaptureDependencies,
): Promise<Map<string, string | Error>> {
  const state = await readState(touched, deps);
  const outcomes = new Map<string, string | Error>();
  const events = new Map<OutgoingEvent, string>();
  for (const record of touched)
    try {
      events.set(toEvent(record, orgId, state), record.recordId);
    } catch (error) {
      outcomes.set(record.recordId, error as Error);
    }
  for (const { event, error } of await deps.publish([...events.keys()])) {
    const { version } = event.detail.data as { version: string };
    outcomes.set(events.get(event) as string, error ?? version);
  }
  return outcomes;
}

/** What Salesforce has now. */
interface State {
  /** Taken before the read: what was committed until then is in the snapshots for sure. */
  readonly readAt: number;
  readonly snapshots: ReadonlyMap<string, unknown>;
  readonly deletions: ReadonlyMap<string, Deletion>;
}

async function readState(touched: readonly Touched[], { salesforce, now }: CaptureDependencies): Promise<State> {
  const readAt = now();
  const ids = touched.map(({ recordId }) => recordId);
  const snapshots = await salesforce.readAccounts(ids, ACCOUNT_FIELDS);
  const unexplained = touched.filter(({ recordId, deletion }) => !snapshots.has(recordId) && !deletion);
  const missing = unexplained.map(({ recordId }) => recordId);
  const deletions = missing.length > 0 ? await salesforce.findDeleted(missing) : new Map();
  return { readAt, snapshots, deletions };
}

/** A present snapshot wins over any deletion that was told: the account may be back. */
function toEvent(record: Touched, orgId: string, { readAt, snapshots, deletions }: State): OutgoingEvent {
  const { recordId, newest, deletion } = record;
  const metadata = metadataOf(record, orgId);
  const snapshot = snapshots.get(recordId);
  if (snapshot !== undefined) {
    const { customer, systemModstamp } = toCustomer(snapshot, orgId);
    const version = formatVersion(systemModstamp, newest.commitTimestamp, readAt);
    return createEvent(customerChanged, metadata, { customer, version });
  }
  const version = deletion
    ? formatVersion(deletion.commitTimestamp, newest.commitTimestamp, readAt)
    : formatVersion(deletedAt(recordId, deletions.get(recordId)), newest.commitTimestamp, readAt);
  return createEvent(customerDeleted, metadata, { customerId: recordId, orgId, version });
}

function deletedAt(recordId: string, found: Deletion | undefined): string {
  if (found?.isDeleted) return found.systemModstamp;
  if (found) throw new TransientError("READ_RACE", `Account ${recordId} came back while it was read.`);
  throw new InvalidInputError(
    "ACCOUNT_GONE",
    `Account ${recordId} is neither there nor in the recycle bin: it was deleted for good, or the integration user lost ` +
      "access to it. Check the user's View All permission, then redrive.",
  );
}

function metadataOf({ newest, identity }: Touched, orgId: string): NewMetadata {
  return {
    eventId: identity.eventId,
    occurredAt: new Date(newest.commitTimestamp).toISOString(),
    correlationId: identity.correlationId,
    causationId: newest.eventId,
    traceHeader: identity.traceHeader,
    orgId,
    actor: newest.commitUser,
  };
}

function foreignOrg(from: string | undefined, orgId: string): InvalidInputError {
  return new InvalidInputError(
    "OTHER_ORG",
    `The change comes from organisation ${from}, the connection is to ${orgId}: correct the event source or the connection.`,
  );
}

/** One error for a message with several records: retryable as soon as one of them is, with every record named. */
function joinErrors(failed: readonly { recordId: string; error: unknown }[], total: number): unknown {
  const [first] = failed;
  if (failed.length === 1 && total === 1) return first?.error;
  const reasons = failed.map(({ recordId, error }) => `${recordId}: ${error instanceof Error ? error.message : error}`);
  const text = `${failed.length} of ${total} records failed: ${reasons.join("; ")}`;
  const retryable = failed.map(({ error }) => error).filter(isRetryable);
  const limited = retryable.find((error) => error instanceof RateLimitedError);
  const cause = limited ?? retryable[0] ?? first?.error;
  if (limited)
    return new RateLimitedError("RECORDS_FAILED", text, { cause, retryAfterSeconds: limited.retryAfterSeconds });
  return retryable.length > 0
    ? new TransientError("RECORDS_FAILED", text, { cause })
    : new InvalidInputError("RECORDS_FAILED", text, { cause });
}
