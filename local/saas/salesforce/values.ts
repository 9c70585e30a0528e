import { jsonParserError, SalesforceError } from "./errors.ts";
import type { Field, FieldType } from "./fields.ts";
import { toId18 } from "./ids.ts";

/** What a field holds; dates and date-times are ISO strings (`2026-11-22`, `2026-11-22T10:00:00.000Z`). */
export type Value = string | number | boolean | null;

/**
 * What the org takes as an e-mail address: all characters of the RFCs, and two dots in a row, which others refuse.
 * https://help.salesforce.com/s/articleView?id=000384328&type=1
 */
const EMAIL = /^(?!\.)[\w!#$%&'*/=?^+`{|}~.-]+@(?:[a-z\d](?:[a-z\d-]*[a-z\d])?\.)+[a-z\d](?:[a-z\d-]*[a-z\d])?$/i;
const TEXT: ReadonlySet<FieldType> = new Set([
  "string",
  "textarea",
  "phone",
  "email",
  "url",
  "picklist",
  "multipicklist",
  "reference",
  "id",
]);

/**
 * Checks a JSON value against its field and gives it back as the org stores it.
 * @throws SalesforceError with the code that the API answers for this type
 */
export function toStored(field: Field, value: unknown): Value {
  if (value === null) return field.type === "boolean" ? refuse(field, value) : null;
  if (TEXT.has(field.type)) return text(field, value);
  switch (field.type) {
    case "boolean":
      return typeof value === "boolean" ? value : refuse(field, value);
    case "int":
      return typeof value === "number" && Number.isInteger(value) ? unsignedZero(value) : refuse(field, value);
    case "double":
    case "currency":
      return typeof value === "number" && Number.isFinite(value) ? unsignedZero(value) : refuse(field, value);
    case "date":
      return isDate(value) ? value : refuse(field, value);
    case "datetime":
      return dateTime(value) ?? refuse(field, value);
    default:
      throw jsonParserError(`Cannot deserialize a value for the compound field ${field.name}`);
  }
}

/** A stored value as the REST API shows it: date-times with `+0000`. */
export function toRest(field: Field, value: Value | undefined): Value {
  if (value === undefined || value === null) return field.type === "boolean" ? false : null;
  return field.type === "datetime" ? `${String(value).slice(0, -1)}+0000` : value;
}

/** A date-time in any form that the API takes, to the second, in UTC. */
export function dateTime(value: unknown): string | undefined {
  if (typeof value !== "string") return undefined;
  const form = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$/;
  if (!form.test(value)) return undefined;
  const withColon = value.replace(/([+-]\d\d)(\d\d)$/, "$1:$2");
  const zoned = /T/.test(withColon) && !/(Z|[+-]\d\d:\d\d)$/.test(withColon) ? `${withColon}Z` : withColon;
  const time = Date.parse(zoned);
  return Number.isNaN(time) ? undefined : toSecond(time);
}

/** ISO form of an instant, cut to the second: the precision that Salesforce keeps. */
export function toSecond(milliseconds: number): string {
  return new Date(Math.floor(milliseconds / 1000) * 1000).toISOString();
}

function text(field: Field, value: unknown): Value {
  if (typeof value !== "string") return refuse(field, value);
  const trimmed = value.trim();
  if (trimmed === "") return null;
  if (field.length !== undefined && trimmed.length > field.length)
    throw new SalesforceError(
      400,
      "STRING_TOO_LONG",
      `${field.label}: data value too large: ${trimmed} (max length=${field.length})`,
      [field.name],
    );
  if (field.type === "email" && !EMAIL.test(trimmed))
    throw new SalesforceError(400, "INVALID_EMAIL_ADDRESS", `${field.label}: invalid email address: ${trimmed}`, [
      field.name,
    ]);
  const choices = field.type === "multipicklist" ? trimmed.split(";") : [trimmed];
  if (field.restricted && choices.some((choice) => !field.values?.includes(choice)))
    throw new SalesforceError(
      400,
      "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
      `${field.label}: bad value for restricted picklist field: ${trimmed}`,
      [field.name],
    );
  if (field.type === "reference") return reference(field, trimmed);
  return trimmed;
}

/** JSON and Avro would not agree on a zero below zero. */
function unsignedZero(value: number): number {
  return value === 0 ? 0 : value;
}

function reference(field: Field, value: string): string {
  const id = toId18(value);
  if (!id)
    throw new SalesforceError(400, "MALFORMED_ID", `${field.label}: id value of incorrect type: ${value}`, [
      field.name,
    ]);
  return id;
}

function isDate(value: unknown): value is string {
  if (typeof value !== "string" || !/^\d{4}-\d\d-\d\d$/.test(value)) return false;
  const time = Date.parse(value);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(value);
}

function refuse(field: Field, value: unknown): never {
  const kind = TEXT.has(field.type) ? "string" : field.type;
  throw jsonParserError(
    `Cannot deserialize instance of ${kind} from ${tokenOf(value)} value ${typeof value === "object" ? JSON.stringify(value) : String(value)} or request may be missing a required field at ${field.name}`,
  );
}

function tokenOf(value: unknown): string {
  if (typeof value === "string") return "VALUE_STRING";
  if (typeof value === "number") return Number.isInteger(value) ? "VALUE_NUMBER_INT" : "VALUE_NUMBER_FLOAT";
  if (typeof value === "boolean") return value ? "VALUE_TRUE" : "VALUE_FALSE";
  if (value === null) return "VALUE_NULL";
  return Array.isArray(value) ? "START_ARRAY" : "START_OBJECT";
}
