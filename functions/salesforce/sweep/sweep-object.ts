import { MetricUnit } from "@aws-lambda-powertools/metrics";
import { customerDriftFound, reconciliationRequested } from "#shared/contracts/events.ts";
import type { CustomerStore } from "#shared/customer-store.ts";
import { describeError, isRetryable } from "#shared/errors.ts";
import type { Delivery, FleetEvent } from "#shared/handler/delivery.ts";
import { hashOf } from "#shared/hash.ts";
import { log, metrics } from "#shared/observability.ts";
import { createEvent, type OutgoingEvent, publishAll } from "#shared/publish.ts";
import { currentScope } from "#shared/scope.ts";
import type { StateTable } from "#shared/state-table.ts";
import { identify } from "../changes/identity.ts";
import { ACCOUNT } from "../mapping/mapping.ts";
import { askEveryOrg, isForEveryOrg } from "../org/every-org.ts";
import type { Orgs } from "../org/orgs.ts";
import type { RetryDependencies } from "./behind.ts";
import { countCalls } from "./count-calls.ts";
import { moveMark } from "./mark.ts";
import type { ParkDependencies } from "./park.ts";
import { phasesOf } from "./phases.ts";
import { planSweep, type SweepRequest } from "./plan.ts";
import { addCounts, type Counts, type Progress, repairsOf } from "./progress.ts";
import { actorOf, type RepairDependencies, repair } from "./repair.ts";
import type { CompareDependencies, SweepScope } from "./scope.ts";

export interface SweepDependencies extends RepairDependencies, ParkDependencies, RetryDependencies {
  readonly orgs: Orgs;
  readonly store: Pick<CustomerStore, "readMany" | "listVersions" | "raiseVersion">;
  readonly state: Pick<StateTable, "read" | "replace" | "readMany">;
  /** Longest time after which an invocation begins no further page, in milliseconds. */
  readonly budgetMs: number;
}

/** Leaves the last page enough of the function's timeout: test/timeouts.test.ts counts. */
export const BUDGET_MS = 60_000;
/** One more difference in a full sweep, and its repairs wait behind live changes. */
const MAX_LIVE_REPAIRS = 1_000;

/**
 * Compares the store with Salesforce, page by page, and sends what differs into the sync. An invocation that runs out of
 * time, or fails after its first page, hands the rest over to a new request before its own is done; a crash repeats the
 * pages since the last hand-over, which costs calls and nothing else. A request that names no organisation becomes one for
 * each.
 * @throws InvalidInputError when the request cannot be meant so
 * @throws TargetUnavailableError `API_RESERVE` when background work has to wait for the organisation's API calls
 */
export async function sweepObject(
  { event: { detail }, traceHeader }: Delivery<FleetEvent<typeof reconciliationRequested>>,
  deps: SweepDependencies,
): Promise<void> {
  if (isForEveryOrg(detail)) return askEveryOrg(reconciliationRequested, detail, deps);
  const { correlationId, eventId, orgId } = detail.metadata;
  const birth = { transactionKey: eventId, sequenceNumber: 0, commitTimestamp: deps.now() };
  const settings = { orgId, sampleRate: deps.sampleRate, now: deps.now() };
  const segment = {
    name: "salesforce/sweep",
    correlationId,
    // A request from a clock or a person has no trace yet.
    traceHeader: traceHeader ?? identify(birth, orgId, settings).rootHeader,
    annotations: { connector: "salesforce", entity: detail.data.entity, reason: detail.data.reason },
  };
  await deps.inChange(segment, () => runSweep(detail, deps));
}

async function runSweep(request: SweepRequest, deps: SweepDependencies): Promise<void> {
  const { salesforce, calls } = countCalls(deps.orgs.salesforce(request.metadata.orgId));
  const { scope, progress: start } = await planSweep(request, { ...deps, salesforce });
  const onLost = comparesAll(scope) ? undefined : () => requestAll(request, scope, deps);
  const until = deps.now() + deps.budgetMs;
  const outOfTime = () => deps.now() >= until;
  let progress = start;
  try {
    while (progress.phase !== "end" && (progress === start || !outOfTime())) {
      const worked = await workOne(request, scope, progress, { ...deps, salesforce, onLost });
      progress = { ...worked, counts: { ...worked.counts, apiCalls: start.counts.apiCalls + calls() } };
    }
    if (progress.phase === "end") return await finish(request, scope, progress.counts, deps);
  } catch (error) {
    if (progress === start || !isRetryable(error)) throw error;
    log().warn("Sweep interrupted", { error: describeError(error) });
  }
  await publishAll(deps.publish, [continuation(request, scope, progress, deps)]);
  log().info("Sweep goes on in another invocation", { entity: scope.entity, ...progress });
}

/** Works one page; where the sweep stands then. */
async function workOne(
  { metadata, data }: SweepRequest,
  scope: SweepScope,
  { phase, after, counts }: Progress,
  deps: SweepDependencies & CompareDependencies,
): Promise<Progress> {
  const phases = phasesOf(scope);
  const current = phases.findIndex(({ name }) => name === phase);
  const work = phases[current]?.work;
  if (!work) return { phase: "end", counts };
  const { findings, next } = await work(scope, after, deps);
  const repairs = repairsOf(counts) + findings.repairs.length;
  const lane = scope.full && repairs > MAX_LIVE_REPAIRS ? ("bulk" as const) : undefined;
  const context = { metadata, lane, feed: "sweep" as const, isAsked: data.reason === "manual" };
  const total = addCounts(counts, await repair(findings, context, deps));
  if (next) return { phase, after: next, counts: total };
  return { phase: phases[current + 1]?.name ?? "end", counts: total };
}

/** Says what was found, and only then that everything until the end of the window is equal. */
async function finish(
  request: SweepRequest,
  scope: SweepScope,
  counts: Counts,
  deps: SweepDependencies,
): Promise<void> {
  const { entity, full, window } = scope;
  const { reason } = request.data;
  log().info("Sweep finished", { entity, reason, full, window, ...counts });
  const drift = repairsOf(counts) + counts.unexplained + counts.unusable;
  if (drift > 0 || (reason !== "schedule" && !scope.ids)) {
    const data = { entity, reason, full, window, ...counts };
    await publishAll(deps.publish, [createEvent(customerDriftFound, metadataOf(request, "drift-found", deps), data)]);
  }
  if (!scope.ids) await moveMark(scope, deps.state);
  metrics.addMetric("SweepCompared", MetricUnit.Count, counts.compared);
  metrics.addMetric("SweepRepaired", MetricUnit.Count, repairsOf(counts));
  metrics.addMetric("SweepUnexplained", MetricUnit.Count, counts.unexplained);
  metrics.addMetric("SweepUnusable", MetricUnit.Count, counts.unusable);
  metrics.addMetric("SweepApiCalls", MetricUnit.Count, counts.apiCalls);
}

/** Whether a sweep looks at the content of every customer. */
function comparesAll({ entity, full }: SweepScope): boolean {
  return full && entity !== ACCOUNT;
}

/** Asks for a comparison of every customer's content: it is not known any more whose customers some records were part of. */
async function requestAll(
  request: SweepRequest,
  { entity, related }: SweepScope,
  deps: SweepDependencies,
): Promise<void> {
  const entities = entity === ACCOUNT ? related : [entity];
  log().warn("Kept owners cannot be read; a full reconciliation is requested", { entities });
  const events = entities.map((name) => {
    const metadata = metadataOf(request, `lost-owners ${name}`, deps);
    return createEvent(reconciliationRequested, metadata, { entity: name, reason: "position-lost", full: true });
  });
  await publishAll(deps.publish, events);
}

function continuation(
  request: SweepRequest,
  { entity, full, window }: SweepScope,
  progress: Progress,
  deps: SweepDependencies,
): OutgoingEvent {
  const data = { entity, reason: request.data.reason, full, window, cursor: progress };
  const metadata = { ...metadataOf(request, "continuation", deps), actor: request.metadata.actor };
  return createEvent(reconciliationRequested, metadata, data);
}

/** The same request makes the same ids, so that a repetition can be told from another sweep. */
function metadataOf({ metadata }: SweepRequest, purpose: string, { now }: SweepDependencies) {
  const traceHeader = currentScope()?.traceHeader;
  return {
    eventId: hashOf("sweep", purpose, metadata.eventId).slice(0, 32),
    occurredAt: new Date(now()).toISOString(),
    correlationId: metadata.correlationId,
    causationId: metadata.eventId,
    orgId: metadata.orgId,
    actor: actorOf("sweep"),
    ...(traceHeader ? { traceHeader } : {}),
  };
}
