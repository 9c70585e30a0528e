import { z } from "zod";
import { ContractError } from "#shared/errors.ts";
import { describeIssues } from "#shared/issues.ts";
import type { Salesforce } from "../client/types.ts";
import { toLongId } from "../org/ids.ts";
import type { Position } from "./progress.ts";

/** A record as a sweep lists it. */
export interface ListedRecord {
  /** 18 characters. */
  readonly id: string;
  /** Epoch milliseconds. */
  readonly systemModstamp: number;
  readonly deleted: boolean;
  /** Accounts that it belongs to, by the fields asked for. */
  readonly parentIds: readonly string[];
}

export interface RecordsPage {
  readonly records: readonly ListedRecord[];
  /** The record after which the next page begins; undefined on the last. */
  readonly next: Position | undefined;
}

/** As many as Salesforce puts on one page of a query. */
const PAGE = 2_000;

const rowSchema = z.looseObject({
  Id: z.string(),
  IsDeleted: z.boolean(),
  SystemModstamp: z.string().refine((value) => !Number.isNaN(Date.parse(value)), "must be a date"),
});

/**
 * One page of an object's records, the recycle bin included, that moved in a span of time; by the moment, then by id.
 * Pages go on after the key of the last record, so that records of the same second are neither lost nor repeated.
 * @param span ISO 8601, both ends included
 * @param parents fields that hold the ids of accounts
 */
export async function listRecords(
  salesforce: Pick<Salesforce, "query">,
  { entity, parents }: { entity: string; parents: readonly string[] },
  span: { from: string; to: string },
  after: Position | undefined,
): Promise<RecordsPage> {
  const fields = ["Id", "IsDeleted", "SystemModstamp", ...parents];
  const where = after?.at
    ? `SystemModstamp <= ${span.to} AND (SystemModstamp > ${after.at} OR (SystemModstamp = ${after.at} AND Id > '${after.id}'))`
    : `SystemModstamp >= ${span.from} AND SystemModstamp <= ${span.to}`;
  const soql = `SELECT ${fields.join(", ")} FROM ${entity} WHERE ${where} ORDER BY SystemModstamp, Id LIMIT ${PAGE}`;
  const page = await salesforce.query(soql, { deleted: true });
  const records = page.records.map((row) => toListed(row, entity, parents));
  const last = records.at(-1);
  if (page.done && records.length < PAGE) return { records, next: undefined };
  const next = last && { id: last.id, at: new Date(last.systemModstamp).toISOString() };
  if (next && (next.id !== after?.id || next.at !== after.at)) return { records, next };
  throw new ContractError(
    "NO_PROGRESS",
    `Salesforce gave the page of ${entity} that follows ${after?.id ?? "the beginning"} again, or an empty one.`,
  );
}

function toListed(row: unknown, entity: string, parents: readonly string[]): ListedRecord {
  const result = rowSchema.safeParse(row);
  if (!result.success)
    throw new ContractError(
      "BAD_ANSWER",
      `A row of ${entity} is not as asked for: ${describeIssues(result.error.issues)}`,
    );
  const { Id, IsDeleted, SystemModstamp } = result.data;
  const parentIds = parents.map((name) => result.data[name]).filter((id) => typeof id === "string");
  return {
    id: toLongId(Id),
    systemModstamp: Date.parse(SystemModstamp),
    deleted: IsDeleted,
    parentIds: parentIds.map(toLongId),
  };
}
