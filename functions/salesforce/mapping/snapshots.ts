import { chunks } from "#shared/chunks.ts";
import { ContractError, FleetError, RejectedByTargetError } from "#shared/errors.ts";
import type { Salesforce } from "../client/types.ts";
import { toLongId } from "../org/ids.ts";
import type { RestRecord, Source } from "./field-types.ts";
import { type CustomerSnapshot, toCustomer } from "./map.ts";
import { ACCOUNT, accountSources, chooseMapping, type Mapping, type Related, relatedSources } from "./mapping.ts";

/** What reading customers asks of Salesforce. */
export type SnapshotReader = Pick<Salesforce, "connection" | "readRecords" | "query" | "describe">;

/**
 * Accounts of one query for related records. An id takes 27 bytes in a URL, which must stay under 16,384 with its headers:
 * https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/errorcodes.htm
 */
export const MAX_PARENTS = 500;

/**
 * What is true now about accounts: one call for every 2,000, one more for every 500 and kind of related record. An
 * account that is not there is missing from the answer; one that cannot be mapped is there as its error.
 * @param accountIds 18-character ids
 * @param also fields of the account to read beyond the mapping's
 * @throws RejectedByTargetError `FIELD_NOT_VISIBLE` when the organisation lacks or hides a field that is read
 * @throws InvalidInputError `UNKNOWN_MAPPING`
 */
export async function readCustomers(
  salesforce: SnapshotReader,
  accountIds: readonly string[],
  also: readonly string[] = [],
): Promise<ReadonlyMap<string, CustomerSnapshot | FleetError>> {
  if (accountIds.length === 0) return new Map();
  const { orgId, mapping: name } = await salesforce.connection();
  const mapping = chooseMapping(name);
  try {
    const fields = await visibleNames(salesforce, ACCOUNT, accountSources(mapping));
    const accounts = await salesforce.readRecords(ACCOUNT, accountIds, [...new Set([...fields, ...also])]);
    const related = await readAllRelated(salesforce, mapping, [...accounts.keys()]);
    const snapshots = [...accounts].map(([id, account]): [string, CustomerSnapshot | FleetError] => [
      id,
      attempt(() => toCustomer(mapping, { account, related: related.get(id) ?? new Map() }, orgId)),
    ]);
    return new Map(snapshots);
  } catch (error) {
    throw explainField(error);
  }
}

/** By account, then by member of the customer. */
async function readAllRelated(
  salesforce: SnapshotReader,
  mapping: Mapping,
  accountIds: readonly string[],
): Promise<Map<string, Map<string, RestRecord>>> {
  const found = new Map<string, Map<string, RestRecord>>(accountIds.map((id) => [id, new Map()]));
  for (const [member, related] of Object.entries(mapping.related)) {
    const names = await visibleNames(salesforce, related.entity, relatedSources(related));
    for (const some of chunks(accountIds, MAX_PARENTS))
      for await (const record of pagesOf(salesforce, related, names, some)) {
        const members = found.get(toLongId(String(record[related.parent])));
        const known = members?.get(member);
        if (!known || idOf(record) < idOf(known)) members?.set(member, record);
      }
  }
  return found;
}

/** The marked records of some accounts, page by page by the key of the last record. */
async function* pagesOf(
  salesforce: SnapshotReader,
  { entity, parent, filter }: Related,
  names: readonly string[],
  accountIds: readonly string[],
): AsyncGenerator<RestRecord> {
  const list = accountIds.map((id) => `'${id}'`).join(",");
  const soql = `SELECT ${names.join(",")} FROM ${entity} WHERE ${filter} = true AND ${parent} IN (${list})`;
  let after = "";
  for (;;) {
    const { records, done } = await salesforce.query<RestRecord>(`${soql}${after} ORDER BY Id`);
    yield* records;
    const last = records.at(-1);
    if (done) return;
    if (!last)
      throw new ContractError("BAD_ANSWER", `Salesforce gave an empty page of ${entity} that is not the last.`);
    after = ` AND Id > '${idOf(last)}'`;
  }
}

/** Names of the fields to read; the optional ones only when the organisation has them, which costs a call once. */
async function visibleNames(
  salesforce: SnapshotReader,
  entity: string,
  sources: readonly Source[],
): Promise<readonly string[]> {
  if (!sources.some(({ optional }) => optional)) return sources.map(({ name }) => name);
  const described = await describeOnce(salesforce, entity);
  return sources.filter(({ name, optional }) => !optional || described.has(name)).map(({ name }) => name);
}

const descriptions = new WeakMap<SnapshotReader, Map<string, Promise<ReadonlySet<string>>>>();

function describeOnce(salesforce: SnapshotReader, entity: string): Promise<ReadonlySet<string>> {
  const known = descriptions.get(salesforce) ?? new Map<string, Promise<ReadonlySet<string>>>();
  descriptions.set(salesforce, known);
  const asked = known.get(entity);
  if (asked) return asked;
  const asking = salesforce.describe(entity).then((fields) => new Set(fields.map(({ name }) => name)));
  known.set(entity, asking);
  asking.catch(() => known.delete(entity));
  return asking;
}

function idOf(record: RestRecord): string {
  if (typeof record.Id === "string") return record.Id;
  throw new ContractError("BAD_RECORD", "Salesforce gave a related record without an Id.");
}

function attempt(map: () => CustomerSnapshot): CustomerSnapshot | FleetError {
  try {
    return map();
  } catch (error) {
    if (error instanceof FleetError) return error;
    throw error;
  }
}

/** Says which field the organisation lacks, or hides from our user, and what to do. */
function explainField(error: unknown): unknown {
  if (!(error instanceof RejectedByTargetError) || error.code !== "INVALID_FIELD") return error;
  const [, name, entity] = /No such column '([^']+)' on (?:sobject of type|entity) '?(\w+)/i.exec(error.message) ?? [];
  const what = name ? `field ${name} of ${entity}` : `field that the mapping reads (${error.message})`;
  return new RejectedByTargetError(
    "FIELD_NOT_VISIBLE",
    `Salesforce knows no ${what}, or hides it from the integration user: create it, give the user read access, or take ` +
      "it out of functions/salesforce/mapping/fields.ts (or write-back/fields.ts, where the fleet writes it); npx fleet " +
      "doctor lists all such fields. Then redrive.",
    { cause: error },
  );
}
