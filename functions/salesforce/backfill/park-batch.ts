import type { Metadata } from "#shared/contracts/metadata.ts";
import type { InputOf } from "#shared/contracts/task.ts";
import type { keepBatch } from "#shared/contracts/tasks/keep-batch.ts";
import { hashOf } from "#shared/hash.ts";
import { log } from "#shared/observability.ts";
import { plainError } from "#shared/parked/plain-words.ts";
import type { ParkDependencies } from "../sweep/park.ts";
import type { Loaded } from "./load-batch.ts";

export type FailedBatch = InputOf<typeof keepBatch>["data"];

/** What became of a batch that was parked whole. */
export interface ParkedBatch extends Loaded {
  readonly parked: number;
}

const HOP = "backfill/LoadBatch";

/**
 * Keeps a batch whole, as the comparison of its records that a redrive asks for again. The same records of an
 * organisation are always the same piece of work, whichever run or backfill meets them.
 * @throws the error of the table
 */
export async function parkBatch(
  { entity, recordIds, failure, executionArn }: FailedBatch,
  metadata: Metadata,
  { park, now }: ParkDependencies,
): Promise<ParkedBatch> {
  const { orgId, correlationId, traceHeader = "none" } = metadata;
  const parkedId = hashOf(HOP, orgId, entity, ...recordIds);
  const error = plainError(failure);
  log().warn("Batch parked", { parkedId, records: recordIds.length, error });
  await park({
    parkedId,
    // What is tried again within a run is the same parking.
    parking: executionArn,
    kind: "comparison",
    hop: HOP,
    input: JSON.stringify({ metadata, data: { entity, recordIds } }),
    errorName: error.name,
    errorCode: error.code,
    errorMessage: error.message,
    correlationId,
    customerId: "unknown",
    executionArn,
    orgId,
    traceHeader,
    tries: 1,
    parkedAt: new Date(now()).toISOString(),
  });
  const counts = { compared: recordIds.length, sent: 0, equal: 0, behind: 0, unusable: 0 };
  return { ...counts, parked: recordIds.length };
}
