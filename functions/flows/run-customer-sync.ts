import type { customerChanged, customerDeleted } from "#shared/contracts/events.ts";
import { TransientError } from "#shared/errors.ts";
import type { FleetEvent } from "#shared/handler/delivery.ts";
import { log } from "#shared/observability.ts";
import type { RunResult, RunWorkflow } from "./client.ts";

export type CustomerEvent = FleetEvent<typeof customerChanged | typeof customerDeleted>;

/** The error of a run that parked its work before it failed; see statemachines/customer-sync. */
const PARKED = "SyncFailed";

/** The account that an event is about. */
export function customerIdOf({ detail: { data } }: CustomerEvent): string {
  return "customer" in data ? (data.customer as { customerId: string }).customerId : (data.customerId as string);
}

/**
 * Runs the workflow once. A run that stored the customer is done, whether its targets are in step, behind or parked: the
 * reconciler and people find them without the message. Any other end (nothing stored, nothing said, timed out) is a
 * TransientError, and the queue hands the event out again.
 * @param lane `bulk` when the run gives way to live ones in the budgets of the targets
 */
export async function runCustomerSync(event: CustomerEvent, run: RunWorkflow, lane?: "bulk"): Promise<RunResult> {
  const { metadata, data } = event.detail;
  const result = await run({ type: event.type, metadata, data, ...(lane ? { lane } : {}) });
  const { executionArn, status, error } = result;
  if (status === "SUCCEEDED") log().info("Run done", { executionArn });
  else if (error === PARKED) log().error("Run failed and is parked", { executionArn, cause: result.cause });
  else
    throw new TransientError(
      status,
      `Run ${executionArn} ended ${status}: ${error ?? ""} ${result.cause ?? ""}`.trim(),
    );
  return result;
}
