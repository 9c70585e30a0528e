import { z } from "zod";
import type { customerChanged, customerDeleted } from "#shared/contracts/events.ts";
import { NotAuthorizedError, TransientError } from "#shared/errors.ts";
import type { FleetEvent } from "#shared/handler/delivery.ts";
import { log } from "#shared/observability.ts";
import { plainError } from "#shared/parked/plain-words.ts";
import type { RunResult, RunWorkflow } from "./client.ts";

export type CustomerEvent = FleetEvent<typeof customerChanged | typeof customerDeleted>;

/** The error of a run that parked its work before it failed; see statemachines/customer-sync. */
const PARKED = "SyncFailed";
/** The error of a run that could not store because a permission of ours, or what it names, is missing. */
const NOT_ALLOWED = "NotAllowed";

const SYNCED = z.looseObject({ outcome: z.literal("synced") });

/** Whether a run brought its customer to billing, and did not leave it behind. */
export function isBilled({ status, output = "null" }: RunResult): boolean {
  return status === "SUCCEEDED" && SYNCED.safeParse(JSON.parse(output)).success;
}

/** The account that an event is about. */
export function customerIdOf({ detail: { data } }: CustomerEvent): string {
  return "customer" in data ? (data.customer as { customerId: string }).customerId : (data.customerId as string);
}

/**
 * Runs the workflow once. A run that stored the customer is done, whether its targets are in step, behind or parked: the
 * reconciler and people find them without the message. Any other end (nothing stored, nothing said, timed out) is a
 * TransientError, and the queue hands the event out again; a NotAuthorizedError when a person has to allow something first.
 * @param lane `bulk` when the run gives way to live ones in the budgets of the targets
 */
export async function runCustomerSync(event: CustomerEvent, run: RunWorkflow, lane?: "bulk"): Promise<RunResult> {
  const { metadata, data } = event.detail;
  const result = await run({ type: event.type, metadata, data, ...(lane ? { lane } : {}) });
  const { executionArn, status, error } = result;
  const { message: cause } = plainError({ Error: error, Cause: result.cause });
  const ended = `Run ${executionArn} ended ${status}: ${error ?? ""} ${result.cause ? cause : ""}`.trim();
  if (status === "SUCCEEDED") log().info("Run done", { executionArn });
  else if (error === PARKED) log().error("Run failed and is parked", { executionArn, cause });
  else if (error === NOT_ALLOWED) throw new NotAuthorizedError(error, ended);
  else throw new TransientError(status, ended);
  return result;
}
