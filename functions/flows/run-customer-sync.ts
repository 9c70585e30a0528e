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
 * Runs the workflow once. A run that failed has parked its work, so the message is done; a run that could not park
 * (timed out, or the parking itself failed) is a TransientError, and the queue hands the event out again.
 */
export async function runCustomerSync(event: CustomerEvent, run: RunWorkflow): Promise<RunResult> {
  const { metadata, data } = event.detail;
  const result = await run({ type: event.type, metadata, data });
  const { executionArn, status, error } = result;
  if (status === "SUCCEEDED") log().info("Customer in step", { executionArn });
  else if (error === PARKED) log().error("Run failed and is parked", { executionArn, cause: result.cause });
  else throw new TransientError(status, `Run ${executionArn} ended ${status} without parking its work: ${error ?? ""}`);
  return result;
}
