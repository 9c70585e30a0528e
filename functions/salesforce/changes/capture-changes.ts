import { describeError, InvalidInputError, isRetryable, TransientError } from "#shared/errors.ts";
import type { Delivery } from "#shared/handler/delivery.ts";
import type { Failure } from "#shared/handler/queue.ts";
import { lazy } from "#shared/lazy.ts";
import { log } from "#shared/observability.ts";
import type { Publish } from "#shared/publish.ts";
import type { StateTable } from "#shared/state-table.ts";
import type { annotate, inChange } from "#shared/tracing.ts";
import { ACCOUNT, chooseMapping, feedingEntities } from "../mapping/mapping.ts";
import type { ChangeEvent } from "./cdc.ts";
import { coalesce, newestOf } from "./coalesce.ts";
import { type IdentifiedAccount, publishState, type StateDependencies } from "./current-state.ts";
import { type AccountsOf, findAccounts } from "./entities.ts";
import { type FailedRecord, joinErrors } from "./failures.ts";
import { identify } from "./identity.ts";
import type { DoubtfulOwners } from "./owners.ts";
import { requestForLostOwners, requestReconciliations } from "./reconciliation.ts";
import { markSeen } from "./seen.ts";

type Change = Delivery<ChangeEvent>;

/** Which of the changes our own writes caused. */
export type FindEchoes = (
  changes: readonly ChangeEvent[],
  clientName: string,
  orgId: string,
) => Promise<ReadonlySet<ChangeEvent>>;

/** What capture asks of one organisation. */
type CaptureSalesforce = StateDependencies["salesforce"];

export interface CaptureDependencies {
  /** Connected organisations; the first is meant by events that name none. */
  readonly orgs: { readonly ids: readonly string[]; salesforce(orgId: string): CaptureSalesforce };
  readonly state: Pick<StateTable, "readMany" | "replace" | "writeMany">;
  readonly findEchoes: FindEchoes;
  readonly publish: Publish;
  readonly inChange: typeof inChange;
  readonly annotate: typeof annotate;
  readonly count: (metric: string, value: number) => void;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Share of changes to trace, 0 to 1. */
  readonly sampleRate: number;
}

type OrgDependencies = Omit<CaptureDependencies, "orgs"> & { readonly salesforce: CaptureSalesforce };

/**
 * Turns a batch of change events into what is true now: for each organisation drops our own echoes, reads every touched
 * account once, and publishes `customer.changed` or `customer.deleted` for each, or `reconciliation.requested` where an
 * event names no records. A message fails when any of its records did; the others go on.
 */
export async function captureChanges(
  changes: readonly Change[],
  { orgs, ...deps }: CaptureDependencies,
): Promise<Failure[]> {
  countLive(changes, deps.count);
  const byOrg = Map.groupBy(changes, ({ event }) => event.orgId ?? orgs.ids[0] ?? "none");
  const works = [...byOrg].map(async ([orgId, some]): Promise<Failure[]> => {
    const fail = (error: unknown) => some.map(({ record }) => ({ record, error }));
    if (!orgs.ids.includes(orgId)) return fail(otherOrg(orgId, orgs.ids));
    return captureOrg(some, orgId, { ...deps, salesforce: orgs.salesforce(orgId) }).catch(fail);
  });
  return (await Promise.all(works)).flat();
}

/** What the live feed brought, for its alarm; what is handed out again was counted before. */
function countLive(changes: readonly Change[], count: CaptureDependencies["count"]): void {
  const live = changes.filter(({ event, receiveCount }) => !event.isCaughtUp && receiveCount === 1);
  if (live.length > 0) count("ChangesByLiveFeed", live.length);
}

async function captureOrg(changes: readonly Change[], orgId: string, deps: OrgDependencies): Promise<Failure[]> {
  const { integrationClientName, mapping: mappingName } = await deps.salesforce.connection();
  const mapping = chooseMapping(mappingName);
  const events = changes.map(({ event }) => event);
  const echoes = await deps.findEchoes(events, integrationClientName, orgId);
  const entities = feedingEntities(mapping);
  const followed = events.filter((event) => !echoes.has(event) && entities.has(event.entityName));
  logSkipped(events, echoes, entities);
  const accountsOf = await findAccounts(followed, orgId, mapping, deps);
  const cause = newestOf(followed);
  const others = [...entities].filter((entity) => entity !== ACCOUNT);
  const onLost = async () => cause && requestForLostOwners(others, cause, orgId, deps);
  const [{ errors, doubtful }, requestErrors] = await Promise.all([
    captureAccounts(touchedBy(followed, accountsOf, orgId, deps), orgId, { ...deps, onLost }),
    requestReconciliations(
      followed.filter(({ unnamed }) => unnamed),
      orgId,
      deps,
    ),
  ]);
  const failed = new Map(
    followed.map((event) => {
      const failures = failuresOf(event, accountsOf, errors, requestErrors);
      return [event, failures.length > 0 ? failures : movedMeanwhile(event, accountsOf, doubtful)];
    }),
  );
  await markSeen(deps.state, orgId, marksOf(events, failed), deps.now());
  return changes.flatMap(({ record, event }) => {
    const records = failed.get(event) ?? [];
    return records.length > 0 ? [{ record, error: joinErrors(records, namedBy(event).length) }] : [];
  });
}

function touchedBy(
  events: readonly ChangeEvent[],
  accountsOf: AccountsOf,
  orgId: string,
  { sampleRate, now }: OrgDependencies,
): IdentifiedAccount[] {
  const sources = events.map((event) => {
    const accounts = event.recordIds.map((recordId) => accountsOf(event, recordId));
    return { event, accountIds: [...new Set(accounts.flatMap((some) => (some instanceof Error ? [] : [...some])))] };
  });
  const settings = { orgId, sampleRate, now: now() };
  return coalesce(sources).map((account) => ({
    ...account,
    identity: identify(account.newest, account.accountId, settings),
  }));
}

/**
 * Works every account inside its own change's trace; the shared calls belong to the first.
 * @returns errors by account id, and what is in doubt yet
 */
async function captureAccounts(
  touched: readonly IdentifiedAccount[],
  orgId: string,
  deps: OrgDependencies & Pick<StateDependencies, "onLost">,
): Promise<{ errors: ReadonlyMap<string, unknown>; doubtful: DoubtfulOwners }> {
  const published = lazy(() => publishState(touched, orgId, deps));
  const errors = new Map<string, unknown>();
  const works = touched.map(async ({ accountId, newest, identity }) => {
    const segment = {
      name: "salesforce/capture",
      correlationId: identity.correlationId,
      customerId: accountId,
      traceHeader: identity.rootHeader,
      segmentId: identity.segmentId,
      annotations: { connector: "salesforce", changeType: newest.changeType },
    };
    const { changeType, entityName } = newest;
    const work = async () => {
      const outcome = (await published()).outcomes.get(accountId);
      if (outcome instanceof Error) throw outcome;
      if (outcome) deps.annotate("version", outcome);
      log().info("Change captured", { changeType, entityName, version: outcome });
    };
    const logged = () =>
      work().catch((error) => {
        log().warn("Change not captured", { changeType, entityName, error: describeError(error) });
        throw error;
      });
    await deps.inChange(segment, logged).catch((error) => errors.set(accountId, error));
  });
  await Promise.all(works);
  const nothing: DoubtfulOwners = new Map();
  if (touched.length === 0) return { errors, doubtful: nothing };
  return {
    errors,
    doubtful: await published()
      .then(({ doubtful }) => doubtful)
      .catch(() => nothing),
  };
}

/**
 * Records of an event that were part of one more account's customer by the time their owners were noted: somebody moved
 * them on, and a batch beside this one worked that. The event comes again and then names that account too.
 */
function movedMeanwhile(event: ChangeEvent, accountsOf: AccountsOf, doubtful: DoubtfulOwners): FailedRecord[] {
  if (event.entityName === ACCOUNT) return [];
  return event.recordIds.flatMap((recordId) => {
    const accounts = accountsOf(event, recordId);
    const unread = (doubtful.get(recordId) ?? []).filter((id) => !(accounts instanceof Error) && !accounts.has(id));
    if (unread.length === 0) return [];
    const text = `${event.entityName} ${recordId} moved while it was read; ${unread.join(", ")} is read with the next try.`;
    return [{ recordId, error: new TransientError("MOVED_MEANWHILE", text) }];
  });
}

/** Everything that an event names: ids, ids that are none, and placeholders of ids. */
function namedBy({ recordIds, refusedIds, unnamed }: ChangeEvent): string[] {
  return [...recordIds, ...refusedIds.map(({ recordId }) => recordId), ...(unnamed?.placeholders ?? [])];
}

function failuresOf(
  event: ChangeEvent,
  accountsOf: AccountsOf,
  errors: ReadonlyMap<string, unknown>,
  requestErrors: ReadonlyMap<string, unknown>,
): FailedRecord[] {
  const failed = event.recordIds.flatMap((recordId) => {
    const accounts = accountsOf(event, recordId);
    if (accounts instanceof Error) return [{ recordId, error: accounts }];
    const all = [...accounts].filter((id) => errors.has(id)).map((id) => ({ recordId, error: errors.get(id) }));
    return all.toSorted((a, b) => Number(isRetryable(b.error)) - Number(isRetryable(a.error))).slice(0, 1);
  });
  const request = requestErrors.get(event.entityName);
  const unnamed = request ? (event.unnamed?.placeholders ?? []).map((recordId) => ({ recordId, error: request })) : [];
  return [...event.refusedIds, ...failed, ...unnamed];
}

/** What is settled: done, left out on purpose, or parked. What will be tried again is not. */
function marksOf(events: readonly ChangeEvent[], failed: ReadonlyMap<ChangeEvent, readonly FailedRecord[]>) {
  return events.map((change) => {
    const pending = (failed.get(change) ?? []).filter(({ error }) => isRetryable(error));
    const recordIds = namedBy(change).filter((id) => !pending.some(({ recordId }) => recordId === id));
    return { change, recordIds };
  });
}

function logSkipped(events: readonly ChangeEvent[], echoes: ReadonlySet<ChangeEvent>, entities: ReadonlySet<string>) {
  const others = events.filter(({ entityName }) => !entities.has(entityName)).map(({ entityName }) => entityName);
  if (others.length > 0)
    log().debug("Changes of objects that do not feed the customer are left out", { entities: [...new Set(others)] });
  if (echoes.size > 0) log().debug("Echoes of our own writes are left out", { changes: echoes.size });
}

function otherOrg(from: string, known: readonly string[]): InvalidInputError {
  return new InvalidInputError(
    "OTHER_ORG",
    `The change comes from organisation ${from}, the fleet is connected to ${known.join(", ")}: add it to the parameter ` +
      "salesforceEventSource and connect it, or correct the event source.",
  );
}
