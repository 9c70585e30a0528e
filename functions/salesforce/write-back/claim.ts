import { z } from "zod";
import { RejectedByTargetError, TransientError } from "#shared/errors.ts";
import type { StateTable } from "#shared/state-table.ts";
import { keys } from "../org/keys.ts";
import type { AccountOutcome } from "./coalesce.ts";
import { differenceOf } from "./difference.ts";
import type { WrittenValues } from "./fields.ts";
import { compareOutcomes, newerOf, type Outcome } from "./outcome.ts";
import { forgetAt, type Kept, keptSchema, remember } from "./written.ts";

/** What is known of an account before anything is written to it. */
export interface KnownAccount {
  readonly account: AccountOutcome;
  /** The newest outcome known, of this batch or of an earlier one. */
  readonly outcome: Outcome;
  readonly kept: Kept | undefined;
  readonly revision: number;
}

/** An account that this batch may write to: nobody else has a newer outcome for it. */
export interface ClaimedAccount extends KnownAccount {
  /** What has to be written; undefined when the account tells the outcome already. */
  readonly values: WrittenValues | undefined;
  /** Revision of what is remembered now. */
  readonly revision: number;
}

type State = Pick<StateTable, "read" | "replace">;

/** An automation in the organisation that overwrites our values would otherwise keep both busy for ever. */
const MAX_REPAIRS = 5;

/** Reads what the fleet remembers of an account. A value of another shape is as good as none: only echoes need it. */
export async function readKnown(account: AccountOutcome, state: State): Promise<KnownAccount> {
  const found = await state.read(keys.written(account.orgId, account.accountId), z.unknown());
  const kept = keptSchema.safeParse(found?.value).data;
  const outcome = kept ? newerOf(kept.outcome, account.outcome) : account.outcome;
  return { account, outcome, kept, revision: found?.revision ?? 0 };
}

/**
 * Remembers the outcome and the values about to be written, before they are: the change event may be faster than the
 * answer. Compare-and-set, so that of two batches with the same account only one goes on.
 * @param current the account as Salesforce has it
 * @throws TransientError `OVERTAKEN` when another batch works on the account
 * @throws RejectedByTargetError `OVERWRITTEN` when somebody sets the values back every time
 */
export async function claim(
  known: KnownAccount,
  current: Readonly<Record<string, unknown>>,
  { state, now }: { readonly state: State; readonly now: () => number },
): Promise<ClaimedAccount> {
  const { account, outcome, kept, revision } = known;
  const values = differenceOf(current, outcome, account.changed);
  const counted = values ? countRepairs(known) : 0;
  // Starts to count again, so that the redriven work gets through.
  const repairs = counted > MAX_REPAIRS ? 0 : counted;
  const next: Kept = { outcome, repairs, written: remember(kept?.written ?? {}, values ?? {}) };
  if (!values && kept && repairs === kept.repairs && compareOutcomes(kept.outcome, outcome) === 0)
    return { ...known, values };
  if (!(await write(known, next, { state, now }))) throw overtaken(account.accountId);
  if (counted > MAX_REPAIRS) throw overwritten(account.accountId, values);
  return { ...known, values, kept: next, revision: revision + 1 };
}

/** Forgets the count of repairs after Salesforce refused the values: nobody overwrote what was never there. */
export async function forgetRepairs(
  claimed: ClaimedAccount,
  deps: { readonly state: State; readonly now: () => number },
): Promise<void> {
  if (claimed.kept && claimed.kept.repairs > 0) await write(claimed, { ...claimed.kept, repairs: 0 }, deps);
}

export function overtaken(accountId: string): TransientError {
  return new TransientError("OVERTAKEN", `Another batch writes to account ${accountId} at the same time.`);
}

function write(
  { account, revision }: KnownAccount,
  value: Kept,
  { state, now }: { readonly state: State; readonly now: () => number },
): Promise<boolean> {
  const key = keys.written(account.orgId, account.accountId);
  return state.replace(key, value, revision, { expiresAt: forgetAt(now()) });
}

/** The same outcome told again by a later run, without a change between: somebody else changed the account. */
function countRepairs({ account, outcome, kept }: KnownAccount): number {
  if (!kept || account.changed) return 0;
  const { state, stripeCustomerId } = kept.outcome;
  if (state !== outcome.state || stripeCustomerId !== outcome.stripeCustomerId) return 0;
  return compareOutcomes(kept.outcome, outcome) < 0 ? kept.repairs + 1 : kept.repairs;
}

function overwritten(accountId: string, values: WrittenValues | undefined): RejectedByTargetError {
  // The time only comes along.
  const names = Object.keys(values ?? {}).filter((name) => name !== "Sync_Time__c");
  return new RejectedByTargetError(
    "OVERWRITTEN",
    `Somebody changed ${names.join(", ")} of account ${accountId} after each of the last ${MAX_REPAIRS} times it was set. Look for a ` +
      "flow, trigger or integration that writes these fields, then redrive.",
  );
}
