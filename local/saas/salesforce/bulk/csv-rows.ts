import { parse } from "csv-parse/sync";
import { stringify } from "csv-stringify/sync";
import { SalesforceError } from "../errors.ts";
import type { Field, FieldType, ObjectType } from "../fields.ts";
import { DELIMITERS, type IngestJob } from "./jobs.ts";

/** A file of an ingest job: its header and its rows, cell by cell. */
export interface CsvFile {
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** A cell that clears its field; an empty one leaves it as it is. */
const NULL_CELL = "#N/A";

const XSD: Readonly<Partial<Record<FieldType, string>>> = {
  boolean: "xsd:boolean",
  int: "xsd:int",
  double: "xsd:double",
  currency: "xsd:double",
  date: "xsd:date",
  datetime: "xsd:dateTime",
};

/** The whole job fails, and no row is read. */
export class InvalidBatch extends Error {
  override readonly name = "InvalidBatch";
}

/** @throws InvalidBatch with the message that the job shows */
export function readCsv(job: IngestJob, data: string): CsvFile {
  const hasCarriageReturn = /^[^\n]*\r\n/.test(data);
  if (hasCarriageReturn !== (job.lineEnding === "CRLF"))
    throw new InvalidBatch(
      `ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is ${job.lineEnding}`,
    );
  try {
    const delimiter = DELIMITERS[job.columnDelimiter];
    const [header = [], ...rows] = parse(data, { delimiter, bom: true, skip_empty_lines: true }) as string[][];
    return { header: header.map((name) => name.trim()), rows };
  } catch (error) {
    throw new InvalidBatch(`InvalidBatch : Failed to parse CSV: ${error instanceof Error ? error.message : "unknown"}`);
  }
}

/** The fields of a header. @throws InvalidBatch that names the first one that the object does not have */
export function fieldsOf(type: ObjectType, header: readonly string[]): Field[] {
  return header.map((name) => {
    const field = type.fields.get(name.toLowerCase());
    if (!field) throw new InvalidBatch(`InvalidBatch : Field name not found : ${name}`);
    return field;
  });
}

/** @throws SalesforceError `INVALID_FIELD` that names the column (from 0) and the type of a cell that cannot be read */
export function toRecord(fields: readonly Field[], row: readonly string[]): Record<string, unknown> {
  const record: Record<string, unknown> = {};
  for (const [index, field] of fields.entries()) {
    const text = row[index] ?? "";
    if (text === "") continue;
    record[field.name] = text === NULL_CELL ? null : toJson(field, text, index);
  }
  return record;
}

function toJson(field: Field, text: string, column: number): unknown {
  const value = converted(field.type, text.trim());
  if (value !== undefined) return value;
  throw new SalesforceError(
    400,
    "INVALID_FIELD",
    `Failed to deserialize field at col ${column}. Due to, '${text}' is not a valid value for the type ${XSD[field.type]}`,
    [field.name],
  );
}

/** The JSON value of a cell; undefined when it is none of its type. */
function converted(type: FieldType, text: string): unknown {
  switch (type) {
    case "boolean":
      if (/^(true|1)$/i.test(text)) return true;
      return /^(false|0)$/i.test(text) ? false : undefined;
    case "int":
      return /^[+-]?\d+$/.test(text) ? Number(text) : undefined;
    case "double":
    case "currency":
      return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : undefined;
    case "date":
      return isDate(text) ? text : undefined;
    case "datetime":
      return Number.isNaN(Date.parse(text)) ? undefined : text;
    default:
      return text;
  }
}

function isDate(text: string): boolean {
  return /^\d{4}-\d\d-\d\d$/.test(text) && new Date(`${text}T00:00:00Z`).toJSON()?.startsWith(text) === true;
}

/** A file of results, in the form of the job's own. */
export function writeCsv(job: IngestJob, header: readonly string[], rows: readonly (readonly string[])[]): string {
  return stringify([header, ...rows], {
    quoted: true,
    quoted_empty: true,
    delimiter: DELIMITERS[job.columnDelimiter],
    record_delimiter: job.lineEnding === "CRLF" ? "\r\n" : "\n",
  });
}
