import type { Behind } from "#shared/behind/behind.ts";
import {
  describeError,
  FleetError,
  NotAuthorizedError,
  RejectedByTargetError,
  TargetUnavailableError,
  TransientError,
} from "#shared/errors.ts";
import { log } from "#shared/observability.ts";
import { writeBackId } from "#shared/parked/state.ts";
import { API_RESERVE } from "../client/usage.ts";
import type { AccountOutcome } from "./coalesce.ts";
import type { AccountResult } from "./write-accounts.ts";

export interface SettleDependencies {
  readonly behind: Pick<Behind, "reached" | "failed" | "giveUp">;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Age at which what fails again and again is parked. */
  readonly giveUpAfterSeconds: number;
  /** Until when an organisation was away last, epoch milliseconds: that time is no account's fault. */
  readonly awayUntil: (orgId: string) => Promise<number>;
}

/**
 * Notes what became of an account. What may pass leaves the customer behind, with a next try, and the message is done.
 * @param isMarked whether the customer is known to be behind, so that nothing is lost with the message
 * @throws the error of the account when only a person can decide, when it failed for too long, or when the customer is
 * not stored, so that nobody but the queue would come back to it
 */
export async function settleAccount(
  { orgId, accountId, outcome, newest }: AccountOutcome,
  result: AccountResult,
  isMarked: boolean,
  deps: SettleDependencies,
): Promise<void> {
  if (!(result instanceof Error)) {
    if (outcome.version !== "") await deps.behind.reached(accountId, "salesforce", outcome.version);
    if (typeof result !== "object") return log().info("Nothing to write back", { reason: result });
    return log().info("Written back", { fields: Object.keys(result) });
  }
  log().warn("Not written back", { error: describeError(result) });
  const error = await judge(result, { orgId, accountId }, isMarked, deps);
  if (!error) return;
  if (!isWaiting(error)) {
    const parkedId = writeBackId(accountId, outcome.version) ?? newest.messageId;
    const parked = { parkedId, state: "WriteBack", version: outcome.version };
    await deps.behind.giveUp(accountId, { target: "salesforce", ...parked });
  }
  throw error;
}

/** Undefined when the account is tried again by itself. */
async function judge(
  error: Error,
  { orgId, accountId }: Pick<AccountOutcome, "orgId" | "accountId">,
  isMarked: boolean,
  { behind, now, giveUpAfterSeconds, awayUntil }: SettleDependencies,
): Promise<Error | undefined> {
  if (!isMarked || !isWaiting(error)) return error;
  const isTry = !(error instanceof TargetUnavailableError);
  // Whoever ends an outage asks for all that waited; of the reserve nobody tells.
  if (!isTry && error.code !== API_RESERVE) return undefined;
  const { name, message } = describeError(error);
  const { code = name, retryAfterSeconds } = error as FleetError & { retryAfterSeconds?: number };
  const counts = error instanceof TransientError && !error.wasProbe;
  const mark = await behind.failed(accountId, "salesforce", { name, code, message, retryAfterSeconds, counts, isTry });
  const age = mark?.failingSince ? (now() - Date.parse(mark.failingSince)) / 1000 : 0;
  if (!counts || age <= giveUpAfterSeconds) return undefined;
  if ((now() - (await awayUntil(orgId))) / 1000 <= giveUpAfterSeconds) return undefined;
  const text = `The account could not be written to for ${Math.round(age / 3600)} hours: ${message}`;
  return new RejectedByTargetError(code, text, { cause: error });
}

/** Whether waiting may help: a login that is refused is no account's fault either. */
function isWaiting(error: Error): boolean {
  return !(error instanceof FleetError) || error.retryable || error instanceof NotAuthorizedError;
}
