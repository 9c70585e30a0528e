import type { CustomerRecord } from "#shared/customer-record.ts";
import type { StoredVersion } from "#shared/customer-store.ts";
import { log } from "#shared/observability.ts";
import { ACCOUNT } from "../mapping/mapping.ts";
import { type CompareDependencies, compareContents, compareDeletions } from "./compare.ts";
import { hardDeleted, logBeginning, readDeleteLog } from "./deletions.ts";
import { type Findings, NO_FINDINGS } from "./findings.ts";
import type { Phase, Position } from "./progress.ts";
import { type ListedRecord, listRecords } from "./records.ts";
import { holdsRecord, LATE_COMMIT_MS, parseVersion, wasReadAfter } from "./versions.ts";

/** What a sweep compares. */
export interface SweepScope {
  readonly orgId: string;
  readonly entity: string;
  /** Fields of the object that hold an account's id; none for the account itself. */
  readonly parents: readonly string[];
  readonly full: boolean;
  /** ISO 8601 in UTC. */
  readonly window: { readonly from: string; readonly to: string };
}

/** One page of a phase: what it found, and after which record the next one begins. */
export interface Page {
  readonly findings: Findings;
  readonly next: Position | undefined;
}

type WorkPhase = Exclude<Phase, "end">;
type WorkPage = (scope: SweepScope, after: Position | undefined, deps: CompareDependencies) => Promise<Page>;

const PAGE = 2_000;

export const workPage: Readonly<Record<WorkPhase, WorkPage>> = {
  records: sweepRecords,
  log: sweepLog,
  store: sweepStore,
  contents: sweepContents,
};

/**
 * The phases of a sweep. What moved is found in the organisation; what is gone without a trace there, by the delete log
 * or by asking for everything that is stored. A related record that is gone does not say which account it belonged to,
 * so a full sweep of its object compares the content of every customer.
 */
export function phasesOf({ entity, full }: Pick<SweepScope, "entity" | "full">): readonly Phase[] {
  if (entity === ACCOUNT) return full ? ["records", "store", "end"] : ["records", "log", "end"];
  return full ? ["contents", "end"] : ["records", "end"];
}

/** Organisation → store: everything that moved in the window, what lies in the recycle bin included. */
async function sweepRecords(scope: SweepScope, after: Position | undefined, deps: CompareDependencies): Promise<Page> {
  const readAt = deps.now();
  const { records, next } = await listRecords(deps.salesforce, scope, spanOf(scope), after);
  const own = scope.entity === ACCOUNT;
  const ids = own ? records.map(({ id }) => id) : records.flatMap(({ parentIds }) => parentIds);
  const stored = await deps.store.readMany(ids);
  const doubtful = own ? doubtfulAccounts(records, stored) : doubtfulParents(records, stored);
  const contents = await compareContents(doubtful, stored, scope.orgId, deps);
  const gone = records.flatMap(({ id, systemModstamp, deleted }) =>
    own && deleted ? [{ customerId: id, deletedAt: systemModstamp }] : [],
  );
  const repairs = [...compareDeletions(gone, stored, scope.orgId, readAt), ...contents.repairs];
  return { findings: { ...contents, compared: records.length, repairs }, next };
}

function doubtfulAccounts(
  records: readonly ListedRecord[],
  stored: ReadonlyMap<string, CustomerRecord>,
): readonly string[] {
  const isDoubtful = ({ id, systemModstamp, deleted }: ListedRecord) => {
    const record = stored.get(id);
    if (deleted || !record) return !deleted;
    return record.deleted
      ? parseVersion(record.version).systemModstamp <= systemModstamp
      : !holdsRecord(record.version, systemModstamp);
  };
  return records.filter(isDoubtful).map(({ id }) => id);
}

/** Accounts that were read before one of their related records moved. Whether they are deleted is not asked here. */
function doubtfulParents(
  records: readonly ListedRecord[],
  stored: ReadonlyMap<string, CustomerRecord>,
): readonly string[] {
  const doubtful = records.flatMap(({ parentIds, systemModstamp }) =>
    parentIds.filter((id) => {
      const record = stored.get(id);
      return !record || (!record.deleted && !wasReadAfter(record.version, systemModstamp));
    }),
  );
  return [...new Set(doubtful)];
}

/** Delete log → store: accounts of the window that are not even in the recycle bin. */
async function sweepLog(scope: SweepScope, after: Position | undefined, deps: CompareDependencies): Promise<Page> {
  const { salesforce, store, now } = deps;
  const readAt = now();
  const { from, to } = spanOf(scope);
  if (!after && Date.parse(from) < logBeginning(readAt))
    log().warn("The delete log does not reach back to the beginning of the window; a full sweep finds what it lacks", {
      from,
    });
  const whole = await readDeleteLog(salesforce, scope.entity, {
    from: Date.parse(from),
    to: Date.parse(to),
    now: readAt,
  });
  const rest = after ? whole.filter((entry) => comesAfter(entry, after)) : whole;
  const entries = rest.slice(0, PAGE);
  const stored = await store.readMany(entries.map(({ customerId }) => customerId));
  const doubtful = compareDeletions(entries, stored, scope.orgId, readAt);
  const repairs = await hardDeleted(salesforce, scope.entity, doubtful);
  const last = rest.length > PAGE ? entries.at(-1) : undefined;
  return {
    findings: { ...NO_FINDINGS, compared: repairs.length, repairs },
    next: last && { id: last.customerId, at: new Date(last.deletedAt).toISOString() },
  };
}

function comesAfter(entry: { customerId: string; deletedAt: number }, { id, at = "" }: Position): boolean {
  const moment = Date.parse(at);
  return entry.deletedAt > moment || (entry.deletedAt === moment && entry.customerId > id);
}

/** Store → organisation: customers whose account is not there. Those in the recycle bin were found from the other side. */
async function sweepStore(scope: SweepScope, after: Position | undefined, deps: CompareDependencies): Promise<Page> {
  const { salesforce, store, now } = deps;
  const { entity, orgId } = scope;
  const { customerIds, next } = await listAlive(scope, after, deps);
  const present = await salesforce.readRecords(entity, customerIds, ["Id"]);
  const missing = customerIds.filter((id) => !present.has(id));
  if (missing.length === 0) return { findings: NO_FINDINGS, next };
  const readAt = now();
  const stored = await store.readMany(missing);
  const alive = [...stored.values()].filter(({ deleted }) => !deleted);
  const gone = await hardDeleted(salesforce, entity, alive);
  const entries = gone.length > 0 ? await readDeleteLog(salesforce, entity, wholeLog(readAt)) : [];
  const ids = new Set(gone.map(({ customerId }) => customerId));
  const known = entries.filter(({ customerId }) => ids.has(customerId));
  const repairs = compareDeletions(known, stored, orgId, readAt);
  for (const { customerId } of repairs) ids.delete(customerId);
  return { findings: { ...NO_FINDINGS, compared: gone.length, repairs, unexplained: [...ids] }, next };
}

/** Store → organisation: the content of every customer whose account is there. */
async function sweepContents(scope: SweepScope, after: Position | undefined, deps: CompareDependencies): Promise<Page> {
  const { customerIds, next } = await listAlive(scope, after, deps);
  const stored = await deps.store.readMany(customerIds);
  const found = await compareContents(customerIds, stored, scope.orgId, deps);
  return { findings: { ...found, compared: customerIds.length, equal: [] }, next };
}

/** The organisation's customers that the store has not as deleted, about as many as one call reads. */
async function listAlive(
  { orgId }: SweepScope,
  after: Position | undefined,
  { store }: CompareDependencies,
): Promise<{ customerIds: readonly string[]; next: Position | undefined }> {
  const versions: StoredVersion[] = [];
  let key = after?.id;
  do {
    const page = await store.listVersions(key);
    versions.push(...page.versions);
    key = page.next;
  } while (key && versions.length < PAGE);
  const alive = versions.filter((version) => version.orgId === orgId && !version.deleted);
  return { customerIds: alive.map(({ customerId }) => customerId), next: key ? { id: key } : undefined };
}

/** The window, longer by how late a transaction may commit. */
function spanOf({ window }: SweepScope): { from: string; to: string } {
  const from = Math.max(0, Date.parse(window.from) - LATE_COMMIT_MS);
  return { from: new Date(from).toISOString(), to: window.to };
}

function wholeLog(now: number) {
  return { from: 0, to: now, now };
}
