import type { Behind } from "#shared/behind/behind.ts";
import { TargetUnavailableError } from "#shared/errors.ts";
import type { Delivery } from "#shared/handler/delivery.ts";
import type { Failure } from "#shared/handler/queue.ts";
import { lazy } from "#shared/lazy.ts";
import { log } from "#shared/observability.ts";
import type { inChange } from "#shared/tracing.ts";
import type { Priority } from "../client/types.ts";
import type { Orgs } from "../org/orgs.ts";
import { type AccountOutcome, coalesceOutcomes } from "./coalesce.ts";
import type { SyncEvent } from "./outcome.ts";
import { type SettleDependencies, settleAccount } from "./settle.ts";
import { type AccountResult, type WriteDependencies, writeAccounts } from "./write-accounts.ts";

export interface WriteBackDependencies extends WriteDependencies, SettleDependencies {
  /** The organisations, for work that may use the whole daily budget and for work that waits below the reserve. */
  readonly orgs: Readonly<Record<Priority, Pick<Orgs, "salesforce">>>;
  readonly behind: SettleDependencies["behind"] & Pick<Behind, "marked">;
  readonly inChange: typeof inChange;
}

/** Time after which a batch begins with no further accounts: test/timeouts.test.ts counts. */
export const START_WITHIN_MS = 20_000;

type Results = ReadonlyMap<AccountOutcome, AccountResult>;

/**
 * Writes the ends of runs back to the accounts: which billing customer it is, the state, and since when. Several events
 * of one account become one write, answered for by the newest; a message fails when its own account did.
 */
export async function writeOutcomes(
  deliveries: readonly Delivery<SyncEvent>[],
  deps: WriteBackDependencies,
): Promise<Failure[]> {
  const accounts = coalesceOutcomes(deliveries);
  const byNewest = new Map(accounts.map((account) => [account.newest, account]));
  const written = lazy(() => writeGroups(accounts, deps));
  const marked = lazy(async () => {
    const failed = [...(await written())].filter(([, result]) => result instanceof Error);
    const ids = failed.map(([{ accountId }]) => accountId);
    return deps.behind.marked(ids, "salesforce");
  });
  const failures: Failure[] = [];
  const works = deliveries.map((delivery) => {
    const work = async () => {
      const account = byNewest.get(delivery);
      const result = account && (await written()).get(account);
      if (!result) return log().info("Nothing to write back", { reason: "a newer outcome, or no account" });
      const isMarked = result instanceof Error && (await marked()).has(account.accountId);
      await settleAccount(account, result, isMarked, deps);
    };
    return deps.inChange(segmentOf(delivery), work).catch((error) => {
      failures.push({ record: delivery.record, error });
    });
  });
  await Promise.all(works);
  return failures;
}

/**
 * Organisations side by side, in each what may wait last, and only while there is time for it; a group that fails leaves
 * the others alone.
 */
async function writeGroups(accounts: readonly AccountOutcome[], deps: WriteBackDependencies): Promise<Results> {
  const startBefore = deps.now() + START_WITHIN_MS;
  const works = [...Map.groupBy(accounts, ({ orgId }) => orgId).values()].map(async (some) => {
    const live = await writeGroup(some, "live", deps);
    const isLate = deps.now() > startBefore;
    return [...live, ...(await writeGroup(some, "background", isLate ? undefined : deps))];
  });
  return new Map((await Promise.all(works)).flat());
}

/** @param deps undefined when there is no time left to begin with */
async function writeGroup(
  accounts: readonly AccountOutcome[],
  priority: Priority,
  deps: WriteBackDependencies | undefined,
): Promise<Results> {
  const group = accounts.filter((account) => account.priority === priority);
  const [first] = group;
  if (!first) return new Map();
  try {
    if (!deps) throw new TargetUnavailableError("NO_TIME_LEFT", "No call was made: the accounts before took too long.");
    return await writeAccounts(group, deps.orgs[priority].salesforce(first.orgId), deps);
  } catch (error) {
    return new Map(group.map((account) => [account, error as Error]));
  }
}

function segmentOf({ event, traceHeader }: Delivery<SyncEvent>) {
  const { metadata, data } = event.detail;
  return {
    name: "salesforce/write-back",
    correlationId: metadata.correlationId,
    customerId: data.customerId,
    traceHeader,
    annotations: { connector: "salesforce", version: data.version },
  };
}
