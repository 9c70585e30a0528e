import type { Query } from "@jetstreamapp/soql-parser-js";
import { stringify } from "csv-stringify/sync";
import { SalesforceError } from "../errors.ts";
import type { Field, ObjectType } from "../fields.ts";
import { ownerOf } from "../render.ts";
import { type Path, resolvePath } from "../soql/path.ts";
import { findRecords, type QueryOptions, readQuery, sourceOf } from "../soql/run.ts";
import { isAggregate, selectionOf } from "../soql/select.ts";
import type { StoredRecord } from "../state.ts";
import { toRest } from "../values.ts";

/** A query that a bulk job may run. */
export interface BulkQuery {
  readonly type: ObjectType;
  readonly query: Query;
  readonly columns: readonly Column[];
}

interface Column {
  /** As written in the query. */
  readonly name: string;
  readonly path: Path;
}

/**
 * The rows of a job as they were when it ran. Records never change in place, so a row keeps them, and for columns of
 * parents also the parents.
 */
export interface Snapshot {
  readonly columns: readonly Column[];
  readonly rows: readonly (StoredRecord | readonly (StoredRecord | undefined)[])[];
}

/**
 * Reads a query and refuses what bulk queries do not have.
 * https://developer.salesforce.com/docs/atlas.en-us.api_asynch.meta/api_asynch/queries.htm
 * @throws SalesforceError `API_ERROR` for what only the REST API can do, else the errors of any query
 */
export function planBulkQuery(options: QueryOptions): BulkQuery {
  const query = readQuery(options.soql);
  const selected = query.fields ?? [];
  const type = sourceOf(options, query);
  if (selected.some((one) => one.type === "FieldSubquery"))
    throw refused("Aggregate Relationships not supported in Bulk V2 Query with CSV content type");
  if (query.groupBy || selected.some(isAggregate))
    throw refused("Aggregate functions and GROUP BY not supported in Bulk V2 Query with CSV content type");
  if (query.offset !== undefined) throw refused("OFFSET not supported in Bulk V2 Query");
  const { names } = selectionOf(options, type, selected, query.limit);
  const columns = names.map((name) => ({ name, path: resolvePath(options, type, name) }));
  if (columns.some(({ path }) => path.field.type === "address"))
    throw refused("Selecting compound data not supported in Bulk Query");
  return { type, query, columns };
}

export function takeSnapshot(options: QueryOptions, { type, query, columns }: BulkQuery): Snapshot {
  const records = findRecords(options, type, query);
  if (columns.every(({ path }) => path.parents.length === 0)) return { columns, rows: records };
  return { columns, rows: records.map((record) => columns.map(({ path }) => ownerOf(options.org, path, record))) };
}

/** Rows from `start` up to but without `end` as CSV with a header line: quoted texts, LF, null as nothing. */
export function toCsv({ columns, rows }: Snapshot, start: number, end: number): string {
  const cells = rows.slice(start, end).map((row) => {
    const owners = Array.isArray(row) ? (row as readonly (StoredRecord | undefined)[]) : undefined;
    return columns.map(({ path }, index) => cell(path.field, owners ? owners[index] : (row as StoredRecord)));
  });
  return stringify([columns.map(({ name }) => name), ...cells], {
    quoted: true,
    quoted_empty: false,
    record_delimiter: "\n",
  });
}

function cell(field: Field, owner: StoredRecord | undefined): string {
  const value = owner ? toRest(field, owner[field.name]) : null;
  return value === null ? "" : String(value);
}

function refused(message: string): SalesforceError {
  return new SalesforceError(400, "API_ERROR", message);
}
