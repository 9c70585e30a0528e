import { chunks } from "#shared/chunks.ts";
import type { StateTable } from "#shared/state-table.ts";
import type { Salesforce } from "../client/types.ts";
import type { RestRecord } from "../mapping/field-types.ts";
import { ACCOUNT, type Mapping } from "../mapping/mapping.ts";
import { toLongId } from "../org/ids.ts";
import type { ChangeEvent } from "./cdc.ts";
import { readOwners } from "./owners.ts";

/** What finding the accounts of other objects' records needs. */
export interface EntityDependencies {
  readonly salesforce: Pick<Salesforce, "readRecords" | "query">;
  readonly state: Pick<StateTable, "readMany">;
}

/** The accounts that a change of a record touches, or why they could not be found. */
export type AccountsOf = (change: ChangeEvent, recordId: string) => ReadonlySet<string> | Error;

/** Accounts by record id. */
type Parents = ReadonlyMap<string, ReadonlySet<string>>;

// Keeps the URL of a query under Salesforce's 16,384 bytes, and its answer on one page.
const MAX_IN_LIST = 500;

/**
 * Finds the accounts that a batch of changes touches. An account touches itself; a related record, such as a contact,
 * the account that it belongs to now, the one that its event names, and the one whose customer it was part of before: a
 * move tells only where to. One call for every 2,000 records of an object, one more for the deleted ones among them.
 */
export async function findAccounts(
  changes: readonly ChangeEvent[],
  orgId: string,
  mapping: Mapping,
  deps: EntityDependencies,
): Promise<AccountsOf> {
  const found = new Map<string, Parents | Error>();
  const parentFields = new Map(Object.values(mapping.related).map(({ entity, parent }) => [entity, parent]));
  const reads = [...parentFields].map(async ([entity, parent]) => {
    const some = changes.filter(({ entityName }) => entityName === entity);
    found.set(entity, await parentsOf(some, parent, orgId, deps).catch((error) => error as Error));
  });
  await Promise.all(reads);
  return ({ entityName, changedValues }, recordId) => {
    if (entityName === ACCOUNT) return new Set([recordId]);
    const parents = found.get(entityName);
    if (parents instanceof Error) return parents;
    const told = changedValues.get(parentFields.get(entityName) ?? "");
    try {
      return new Set([...(parents?.get(recordId) ?? []), ...(typeof told === "string" ? [toLongId(told)] : [])]);
    } catch (error) {
      return error as Error;
    }
  };
}

async function parentsOf(
  changes: readonly ChangeEvent[],
  parent: string,
  orgId: string,
  { salesforce, state }: EntityDependencies,
): Promise<Parents> {
  const ids = [...new Set(changes.flatMap(({ recordIds }) => recordIds))];
  const [entity] = changes.map(({ entityName }) => entityName);
  if (ids.length === 0 || !entity) return new Map();
  const [records, owners] = await Promise.all([
    readWithDeleted(salesforce, entity, ids, parent),
    readOwners(state, orgId, ids),
  ]);
  return new Map(
    ids.map((id): [string, ReadonlySet<string>] => {
      const accounts = [records.get(id)?.[parent], ...(owners.get(id) ?? [])].filter((one) => typeof one === "string");
      return [id, new Set(accounts.map(toLongId))];
    }),
  );
}

/** Records as they are now, or as they lie in the recycle bin; what is neither is missing. */
async function readWithDeleted(
  salesforce: Pick<Salesforce, "readRecords" | "query">,
  entity: string,
  ids: readonly string[],
  parent: string,
): Promise<Map<string, RestRecord>> {
  const found = new Map<string, RestRecord>();
  for (const [id, record] of await salesforce.readRecords(entity, ids, ["Id", parent]))
    found.set(id, record as RestRecord);
  const missing = ids.filter((id) => !found.has(id));
  for (const some of chunks(missing, MAX_IN_LIST)) {
    const list = some.map((id) => `'${id}'`).join(",");
    const soql = `SELECT Id,${parent} FROM ${entity} WHERE Id IN (${list})`;
    const { records } = await salesforce.query<RestRecord>(soql, { deleted: true });
    for (const record of records) found.set(toLongId(String(record.Id)), record);
  }
  return found;
}
