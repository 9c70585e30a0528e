import { hashOf } from "#shared/hash.ts";
import type { NewMetadata } from "#shared/publish.ts";
import { formatTraceHeader } from "#shared/trace-header.ts";
import type { ChangeEvent } from "./cdc.ts";

/** What names a change on all its hops. */
export interface ChangeIdentity {
  readonly correlationId: string;
  /** Id of the event that capture makes of the change. */
  readonly eventId: string;
  /** Header of the change's trace, without parent: whoever opens a segment under it becomes the root. */
  readonly rootHeader: string;
  /** Id of the root segment. */
  readonly segmentId: string;
  /** Header for everything that follows from the change. */
  readonly traceHeader: string;
}

// X-Ray refuses older traces. https://docs.aws.amazon.com/xray/latest/api/API_PutTraceSegments.html
const MAX_TRACE_AGE_MS = 30 * 24 * 3600 * 1000;
const MAX_CLOCK_SKEW_MS = 5 * 60 * 1000;
const SAMPLES = 0x1_0000_0000;

/**
 * Where a change's correlation id and trace are born. Both follow from the change alone, so a redelivered message, or
 * the same change on another way, gets the same ones and its root segment replaces itself.
 * @param orgId 18-character organisation id
 * @param sampleRate share of changes to trace, 0 to 1
 * @param now epoch milliseconds
 */
export function identify(
  change: Pick<ChangeEvent, "transactionKey" | "sequenceNumber" | "commitTimestamp">,
  recordId: string,
  { orgId, sampleRate, now }: { orgId: string; sampleRate: number; now: number },
): ChangeIdentity {
  const hash = (purpose: string) => hashOf(purpose, orgId, change.transactionKey, change.sequenceNumber, recordId);
  const age = now - change.commitTimestamp;
  const born = age > -MAX_CLOCK_SKEW_MS && age < MAX_TRACE_AGE_MS ? change.commitTimestamp : now;
  const root = `1-${Math.floor(born / 1000)
    .toString(16)
    .padStart(8, "0")}-${hash("trace").slice(0, 24)}`;
  const sampled = Number.parseInt(hash("sample").slice(0, 8), 16) < sampleRate * SAMPLES;
  const segmentId = hash("segment").slice(0, 16);
  return {
    correlationId: hash("correlation").slice(0, 32),
    eventId: hash("event").slice(0, 32),
    rootHeader: formatTraceHeader({ root, sampled }),
    segmentId,
    traceHeader: formatTraceHeader({ root, parent: segmentId, sampled }),
  };
}

/** What the fleet event that follows from a change says about itself. */
export function metadataOf(
  change: Pick<ChangeEvent, "commitTimestamp" | "eventId" | "commitUser">,
  identity: ChangeIdentity,
  orgId: string,
): NewMetadata {
  return {
    eventId: identity.eventId,
    occurredAt: new Date(change.commitTimestamp).toISOString(),
    correlationId: identity.correlationId,
    causationId: change.eventId,
    traceHeader: identity.traceHeader,
    orgId,
    actor: change.commitUser,
  };
}
