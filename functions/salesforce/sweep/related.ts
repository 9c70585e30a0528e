import type { CustomerRecord } from "#shared/customer-record.ts";
import { readOwners } from "../changes/owners.ts";
import { compareContents } from "./compare.ts";
import { findHardDeleted } from "./deletions.ts";
import { listRecords } from "./records.ts";
import { type CompareDependencies, listAlive, listDeleted, type SweepScope, spanOf, type WorkPage } from "./scope.ts";
import { wasReadAfter } from "./versions.ts";

/** A related record that moved, and an account whose customer it is or was part of. */
interface Move {
  readonly customerId: string;
  /** Epoch milliseconds. */
  readonly movedAt: number;
}

/** Organisation → store: accounts whose related records moved in the window, to them or away from them. */
export const sweepRelated: WorkPage = async (scope, after, deps) => {
  const { records, next } = await listRecords(deps.salesforce, scope, spanOf(scope), after);
  const owners = await readOwners(
    deps.state,
    scope.orgId,
    records.map(({ id }) => id),
  );
  const moves = records.flatMap(({ id, parentIds, systemModstamp }) => {
    const accountIds = new Set([...parentIds, ...(owners.get(id) ?? [])]);
    return [...accountIds].map((customerId) => ({ customerId, movedAt: systemModstamp }));
  });
  const contents = await compareMoved(moves, scope, deps);
  return { findings: { ...contents, compared: records.length }, next };
};

/**
 * Delete log → store: accounts whose customer still has a related record that is not even in the recycle bin. Where the
 * log does not tell of the window, the content of every customer is compared instead.
 */
export const sweepDeletedRelated: WorkPage = async (scope, after, deps) => {
  // The pages of the store go by ids alone.
  if (after && !after.at) return sweepContents(scope, after, deps);
  const told = await listDeleted(scope, after, deps);
  if (!told) return sweepContents(scope, undefined, deps);
  const { entries, next } = told;
  const owners = await readOwners(
    deps.state,
    scope.orgId,
    entries.map(({ id }) => id),
  );
  const gone = await findHardDeleted(deps.salesforce, scope.entity, [...owners.keys()]);
  const moves = entries.flatMap(({ id, deletedAt }) => {
    const accountIds = gone.has(id) ? (owners.get(id) ?? []) : [];
    return accountIds.map((customerId) => ({ customerId, movedAt: deletedAt }));
  });
  const contents = await compareMoved(moves, scope, deps);
  return { findings: { ...contents, compared: moves.length }, next };
};

/** Store → organisation: the content of every customer whose account is there. */
export const sweepContents: WorkPage = async (scope, after, deps) => {
  const { customerIds, next } = await listAlive(scope, after, deps);
  const stored = await deps.store.readMany(customerIds);
  const contents = await compareContents(customerIds, stored, scope.orgId, deps);
  return { findings: { ...contents, compared: customerIds.length, equal: [] }, next };
};

/** Compares the customers that were read before one of their related records moved. */
async function compareMoved(moves: readonly Move[], { orgId }: SweepScope, deps: CompareDependencies) {
  const stored = await deps.store.readMany(moves.map(({ customerId }) => customerId));
  const doubtful = moves.filter(({ customerId, movedAt }) => isDoubtful(movedAt, stored.get(customerId)));
  const customerIds = [...new Set(doubtful.map(({ customerId }) => customerId))];
  return compareContents(customerIds, stored, orgId, deps);
}

/** Whether an account is deleted is asked by the sweep of accounts. */
function isDoubtful(movedAt: number, stored: CustomerRecord | undefined): boolean {
  return !stored || (!stored.deleted && !wasReadAfter(stored.version, movedAt));
}
