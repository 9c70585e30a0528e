import type { Metadata } from "#shared/contracts/metadata.ts";
import { describeError, type FleetError } from "#shared/errors.ts";
import { hashOf } from "#shared/hash.ts";
import { log } from "#shared/observability.ts";
import type { Park } from "#shared/parked/table.ts";
import { currentScope } from "#shared/scope.ts";

/** A customer that no try could bring any further. */
export interface Unusable {
  readonly customerId: string;
  readonly error: FleetError;
}

/** Who compares customers with Salesforce. */
export type ComparingFeed = "sweep" | "backfill";

export interface ParkDependencies {
  readonly park: Park;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/**
 * Keeps the accounts that cannot be used, each once, however often and by whichever feed it is met. The input
 * is what a comparison of the account needs: `metadata` with the organisation, and `data` with `entity` and `recordIds`.
 * @throws the error of the table; those that are kept already stay so
 */
export async function parkUnusable(
  unusable: readonly Unusable[],
  metadata: Metadata,
  feed: ComparingFeed,
  { park, now }: ParkDependencies,
): Promise<void> {
  for (const { customerId, error } of unusable) {
    const { name, message } = describeError(error);
    log().warn("Account parked", { customerId, error: { name, message } });
    await park({
      parkedId: hashOf("comparison", metadata.orgId, customerId),
      // Every page that a request finds it on again is the same parking.
      parking: metadata.correlationId,
      kind: "comparison",
      hop: `salesforce/${feed}`,
      input: JSON.stringify({ metadata, data: { entity: "Account", recordIds: [customerId] } }),
      errorName: name,
      errorCode: error.code,
      errorMessage: message,
      correlationId: metadata.correlationId,
      customerId,
      orgId: metadata.orgId,
      traceHeader: currentScope()?.traceHeader ?? "none",
      tries: 1,
      parkedAt: new Date(now()).toISOString(),
    });
  }
}
