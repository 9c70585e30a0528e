import type { CustomerRecord } from "#shared/customer-record.ts";
import { compareContents, compareDeletions } from "./compare.ts";
import { findHardDeleted, readDeleteLog } from "./deletions.ts";
import { NO_FINDINGS } from "./findings.ts";
import { type ListedRecord, listRecords } from "./records.ts";
import { listAlive, listDeleted, spanOf, type WorkPage } from "./scope.ts";
import { holdsRecord, parseVersion } from "./versions.ts";

/** Organisation → store: accounts that moved in the window, those in the recycle bin included. */
export const sweepAccounts: WorkPage = async (scope, after, deps) => {
  const readAt = deps.now();
  const { records, next } = await listRecords(deps.salesforce, scope, spanOf(scope), after);
  const stored = await deps.store.readMany(records.map(({ id }) => id));
  const doubtful = records.filter((record) => isDoubtful(record, stored.get(record.id))).map(({ id }) => id);
  const contents = await compareContents(doubtful, stored, scope.orgId, deps);
  const gone = records
    .filter(({ deleted }) => deleted)
    .map(({ id, systemModstamp }) => ({ id, deletedAt: systemModstamp }));
  const repairs = [...compareDeletions(gone, stored, scope.orgId, readAt), ...contents.repairs];
  const known = [...stored.values()].filter((record) => record.orgId === scope.orgId);
  return { findings: { ...contents, stored: known, compared: records.length, repairs }, next };
};

/** The accounts that a request names. One that is gone is found by a sweep of the time in which it was deleted. */
export const sweepChosen: WorkPage = async ({ orgId, ids = [] }, _after, deps) => {
  const stored = await deps.store.readMany(ids);
  const contents = await compareContents(ids, stored, orgId, deps);
  return { findings: { ...contents, stored: [...stored.values()], compared: ids.length }, next: undefined };
};

/** Whether a listed account may differ from what is stored of it. */
export function isDoubtful({ systemModstamp, deleted }: ListedRecord, stored: CustomerRecord | undefined): boolean {
  if (deleted || !stored) return !deleted;
  return stored.deleted
    ? parseVersion(stored.version).systemModstamp <= systemModstamp
    : !holdsRecord(stored.version, systemModstamp);
}

/**
 * Delete log → store: accounts of the window that are not even in the recycle bin. Where the log does not tell of the
 * window, everything that is stored is looked for instead.
 */
export const sweepDeletedAccounts: WorkPage = async (scope, after, deps) => {
  // The pages of the store go by ids alone.
  if (after && !after.at) return sweepStore(scope, after, deps);
  const readAt = deps.now();
  const told = await listDeleted(scope, after, deps);
  if (!told) return sweepStore(scope, undefined, deps);
  const { entries, next } = told;
  const stored = await deps.store.readMany(entries.map(({ id }) => id));
  const doubtful = compareDeletions(entries, stored, scope.orgId, readAt);
  const ids = doubtful.map(({ customerId }) => customerId);
  const gone = await findHardDeleted(deps.salesforce, scope.entity, ids);
  const repairs = doubtful.filter(({ customerId }) => gone.has(customerId));
  return { findings: { ...NO_FINDINGS, compared: repairs.length, repairs }, next };
};

/** Store → organisation: customers whose account is not there. Those in the recycle bin were found from the other side. */
export const sweepStore: WorkPage = async (scope, after, deps) => {
  const { salesforce, store, now } = deps;
  const { entity, orgId } = scope;
  const { customerIds, next } = await listAlive(scope, after, deps);
  const present = await salesforce.readRecords(entity, customerIds, ["Id"]);
  const missing = customerIds.filter((id) => !present.has(id));
  if (missing.length === 0) return { findings: NO_FINDINGS, next };
  const readAt = now();
  const stored = await store.readMany(missing);
  const alive = missing.filter((id) => stored.get(id)?.deleted === false);
  const gone = await findHardDeleted(salesforce, entity, alive);
  const span = { from: 0, to: readAt, now: readAt };
  const told = gone.size > 0 ? (await readDeleteLog(salesforce, entity, span)).entries : [];
  const known = told.filter(({ id }) => gone.has(id));
  const repairs = compareDeletions(known, stored, orgId, readAt);
  const explained = new Set(repairs.map(({ customerId }) => customerId));
  const unexplained = [...gone].filter((id) => !explained.has(id));
  return { findings: { ...NO_FINDINGS, compared: gone.size, repairs, unexplained }, next };
};
