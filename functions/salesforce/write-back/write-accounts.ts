import { inParallel } from "#shared/chunks.ts";
import { FleetError } from "#shared/errors.ts";
import type { StateTable } from "#shared/state-table.ts";
import type { Salesforce, WriteResult } from "../client/types.ts";
import { keys } from "../org/keys.ts";
import { type ClaimedAccount, claim, forgetRepairs, type KnownAccount, overtaken, readKnown } from "./claim.ts";
import type { AccountOutcome } from "./coalesce.ts";
import { WRITTEN_NAMES, type WrittenValues } from "./fields.ts";
import { compareOutcomes } from "./outcome.ts";
import { refusalOf } from "./refusal.ts";
import { keptSchema } from "./written.ts";

export interface WriteDependencies {
  readonly state: Pick<StateTable, "read" | "readMany" | "replace">;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** What became of one account: the values written, `equal` already, `gone`, or why nothing was done. */
export type AccountResult = WrittenValues | "equal" | "gone" | Error;

type Update = ClaimedAccount & { readonly values: WrittenValues };
type Results = Map<AccountOutcome, AccountResult>;

const READ_FIELDS = ["Id", ...WRITTEN_NAMES];
/** Requests to the state table at the same time. */
const PARALLEL = 25;

/**
 * Makes accounts of one organisation tell their outcomes: one read and at most one update for 200 of them. A record that
 * fails leaves the others alone.
 * @throws the fleet's errors when the accounts or the state cannot be read
 */
export async function writeAccounts(
  accounts: readonly AccountOutcome[],
  salesforce: Salesforce,
  deps: WriteDependencies,
): Promise<Results> {
  const results: Results = new Map(accounts.map((account) => [account, "gone"]));
  // In one order, so that batches which meet lock their rows in the same order.
  const alive = accounts.filter(({ deleted }) => !deleted).toSorted((a, b) => (a.accountId < b.accountId ? -1 : 1));
  if (alive.length === 0) return results;
  const known = await inParallel(alive, PARALLEL, (account) => readKnown(account, deps.state));
  const ids = alive.map(({ accountId }) => accountId);
  const current = await salesforce.readRecords("Account", ids, READ_FIELDS);
  const updates: Update[] = [];
  await inParallel(known, PARALLEL, async (one) => {
    const claimed = await claimIn(current, one, deps).catch((error: Error) => error);
    if (claimed instanceof Error) results.set(one.account, claimed);
    else if (claimed) updates.push(claimed);
    else if (current.has(one.account.accountId)) results.set(one.account, "equal");
  });
  return new Map([...results, ...(await update(updates.toSorted(byId), salesforce, deps))]);
}

async function claimIn(
  current: ReadonlyMap<string, unknown>,
  known: KnownAccount,
  deps: WriteDependencies,
): Promise<Update | undefined> {
  const record = current.get(known.account.accountId) as Readonly<Record<string, unknown>> | undefined;
  if (!record) return undefined;
  const claimed = await claim(known, record, deps);
  return claimed.values ? { ...claimed, values: claimed.values } : undefined;
}

async function update(updates: readonly Update[], salesforce: Salesforce, deps: WriteDependencies): Promise<Results> {
  if (updates.length === 0) return new Map();
  const records = updates.map(({ account, values }) => ({ Id: account.accountId, ...values }));
  const answers = await salesforce.updateRecords("Account", records);
  const results: Results = new Map(updates.map((one, index) => [one.account, judge(one, answers[index])]));
  await inParallel(updates, PARALLEL, async (one) => {
    const result = results.get(one.account);
    if (result instanceof FleetError && !result.retryable) await forgetRepairs(one, deps);
  });
  for (const account of await findOvertaken(updates, deps)) results.set(account, overtaken(account.accountId));
  return results;
}

function judge({ account, values }: Update, answer: WriteResult | undefined): AccountResult {
  if (!answer || !("error" in answer)) return values;
  return refusalOf(answer.error, { accountId: account.accountId, values });
}

/** Accounts for which another batch got a newer outcome meanwhile: ours may have been written over it. */
async function findOvertaken(updates: readonly Update[], { state }: WriteDependencies): Promise<AccountOutcome[]> {
  const keyOf = ({ orgId, accountId }: AccountOutcome) => keys.written(orgId, accountId);
  const kept = await state.readMany(
    updates.map(({ account }) => keyOf(account)),
    keptSchema,
  );
  return updates.flatMap(({ account, outcome }) => {
    const newest = kept.get(keyOf(account))?.value?.outcome;
    return newest && compareOutcomes(newest, outcome) > 0 ? [account] : [];
  });
}

function byId(a: ClaimedAccount, b: ClaimedAccount): number {
  return a.account.accountId < b.account.accountId ? -1 : 1;
}
