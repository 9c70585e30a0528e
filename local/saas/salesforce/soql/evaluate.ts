import { malformedQuery, SalesforceError } from "../errors.ts";
import type { Field, ObjectType } from "../fields.ts";
import { toId18 } from "../ids.ts";
import type { Org } from "../org.ts";
import { findType, requireField } from "../schema.ts";
import type { StoredRecord } from "../state.ts";
import { dateTime, type Value } from "../values.ts";
import { spanOf } from "./dates.ts";
import type { Operand, Predicate } from "./parse.ts";

/** A field reached from an object, perhaps over parents: `Name`, `Account.Owner.Name`. */
export interface Path {
  readonly parents: readonly { readonly key: Field; readonly type: ObjectType }[];
  readonly field: Field;
}

/** @throws SalesforceError `INVALID_FIELD` when the object has no such field or parent */
export function resolvePath(type: ObjectType, text: string): Path {
  const names = text.split(".");
  const last = names.pop() ?? "";
  if (names[0]?.toLowerCase() === type.name.toLowerCase() && !parentKey(type, names[0])) names.shift();
  const parents: { key: Field; type: ObjectType }[] = [];
  let at = type;
  for (const name of names) {
    const key = parentKey(at, name);
    const parent = key?.referenceTo ? findType(key.referenceTo) : undefined;
    if (!key || !parent)
      throw new SalesforceError(
        400,
        "INVALID_FIELD",
        `Didn't understand relationship '${name}' in field path. If you are attempting to use a custom relationship, be sure to append the '__r' after the custom relationship name. Please reference your WSDL or the describe call for the appropriate names.`,
      );
    parents.push({ key, type: parent });
    at = parent;
  }
  return { parents, field: requireField(at, last) };
}

/** The value at the end of a path; null when a parent is missing on the way. */
export function readPath(org: Org, path: Path, record: StoredRecord): Value {
  let at: StoredRecord | undefined = record;
  for (const { key, type } of path.parents) at = at && org.find(type, String(at[key.name] ?? ""));
  return at?.[path.field.name] ?? null;
}

/** Makes a test for records out of a predicate; names and literals are checked once, here. */
export function compile(org: Org, type: ObjectType, predicate: Predicate): (record: StoredRecord) => boolean {
  switch (predicate.kind) {
    case "and": {
      const terms = predicate.terms.map((term) => compile(org, type, term));
      return (record) => terms.every((term) => term(record));
    }
    case "or": {
      const terms = predicate.terms.map((term) => compile(org, type, term));
      return (record) => terms.some((term) => term(record));
    }
    case "not": {
      const term = compile(org, type, predicate.term);
      return (record) => !term(record);
    }
    case "compare": {
      const path = resolvePath(type, predicate.field);
      const test = comparison(path.field, predicate.operator, predicate.operands, org.now());
      return (record) => test(readPath(org, path, record));
    }
  }
}

/** Orders two values as ORDER BY does; texts without regard to case, nulls as the smallest. */
export function compareValues(left: Value, right: Value): number {
  if (left === right) return 0;
  if (left === null) return -1;
  if (right === null) return 1;
  const [a, b] = [left, right].map((value) => (typeof value === "string" ? value.toLowerCase() : value)) as [
    Value,
    Value,
  ];
  return (a as string) < (b as string) ? -1 : (a as string) > (b as string) ? 1 : 0;
}

type Test = (value: Value) => boolean;

function comparison(field: Field, operator: string, operands: readonly Operand[], now: number): Test {
  if (field.type === "address") throw invalidFilter(field);
  if (field.type === "textarea" && (field.length ?? 0) > 255) throw invalidFilter(field);
  if (operator === "IN" || operator === "NOT IN") {
    const tests = operands.map((operand) => single(field, "=", operand, now));
    return operator === "IN"
      ? (value) => tests.some((test) => test(value))
      : (value) => !tests.some((test) => test(value));
  }
  const [operand] = operands;
  if (!operand) throw malformedQuery(`unexpected token: '${operator}'`);
  return single(field, operator, operand, now);
}

function single(field: Field, operator: string, operand: Operand, now: number): Test {
  if (operator === "LIKE") return like(field, operand);
  if (field.type === "datetime" || field.type === "date") return temporal(field, operator, operand, now);
  const wanted = literal(field, operand);
  switch (operator) {
    case "=":
      return (value) => sameValue(value, wanted);
    case "!=":
      return (value) => !sameValue(value, wanted);
    case "<":
      return (value) => value !== null && wanted !== null && compareValues(value, wanted) < 0;
    case "<=":
      return (value) => value !== null && wanted !== null && compareValues(value, wanted) <= 0;
    case ">":
      return (value) => value !== null && wanted !== null && compareValues(value, wanted) > 0;
    case ">=":
      return (value) => value !== null && wanted !== null && compareValues(value, wanted) >= 0;
    default:
      throw malformedQuery(`unexpected token: '${operator}'`);
  }
}

function temporal(field: Field, operator: string, operand: Operand, now: number): Test {
  const span = operand.type === "NULL" ? undefined : temporalSpan(field, operand, now);
  const at = (value: Value) => (value === null ? Number.NaN : Date.parse(String(value)));
  switch (operator) {
    case "=":
      return (value) => (span ? at(value) >= span.from && at(value) < span.to : value === null);
    case "!=":
      return (value) => (span ? !(at(value) >= span.from && at(value) < span.to) : value !== null);
    case "<":
      return (value) => span !== undefined && at(value) < span.from;
    case "<=":
      return (value) => span !== undefined && at(value) < span.to;
    case ">":
      return (value) => span !== undefined && at(value) >= span.to;
    case ">=":
      return (value) => span !== undefined && at(value) >= span.from;
    default:
      throw malformedQuery(`unexpected token: '${operator}'`);
  }
}

function temporalSpan(field: Field, operand: Operand, now: number): { from: number; to: number } {
  if (operand.type === "DATE_LITERAL" || operand.type === "DATE_N_LITERAL") return spanOf(operand.text, now);
  const wantedType = field.type === "date" ? "DATE" : "DATETIME";
  const iso = operand.type === wantedType ? dateTime(operand.text) : undefined;
  if (!iso) throw wrongLiteral(field, operand);
  const from = Date.parse(field.type === "date" ? operand.text : iso);
  return { from, to: from + (field.type === "date" ? 24 * 3600 * 1000 : 1) };
}

function literal(field: Field, operand: Operand): Value {
  if (operand.type === "NULL") return null;
  switch (field.type) {
    case "boolean":
      if (operand.type !== "BOOLEAN") throw wrongLiteral(field, operand);
      return operand.text.toUpperCase() === "TRUE";
    case "int":
    case "double":
    case "currency":
      if (operand.type !== "INTEGER" && operand.type !== "DECIMAL") throw wrongLiteral(field, operand);
      return Number(operand.text);
    case "id":
    case "reference": {
      if (operand.type !== "STRING") throw wrongLiteral(field, operand);
      const id = toId18(unquote(operand.text));
      if (!id)
        throw new SalesforceError(400, "INVALID_QUERY_FILTER_OPERATOR", `invalid ID field: ${unquote(operand.text)}`);
      return id;
    }
    default:
      if (operand.type !== "STRING") throw wrongLiteral(field, operand);
      // The org stores no empty texts, so '' means null.
      return unquote(operand.text) || null;
  }
}

function like(field: Field, operand: Operand): Test {
  if (operand.type !== "STRING" || ["boolean", "int", "double", "currency", "id", "reference"].includes(field.type))
    throw wrongLiteral(field, operand);
  // In LIKE a backslash also takes the wildcards their meaning, so it must survive the unquoting.
  const pattern = operand.text
    .slice(1, -1)
    .replace(/\\([%_])|\\(.)|([%_])|([.*+?^${}()|[\]\\])/g, (_all, escaped, other, wildcard, special) => {
      if (escaped) return escaped;
      if (other) return unescapeOne(other).replace(/[.*+?^${}()|[\]\\]/, "\\$&");
      return wildcard ? (wildcard === "%" ? "[^]*" : "[^]") : `\\${special}`;
    });
  const expression = new RegExp(`^${pattern}$`, "i");
  return (value) => value !== null && expression.test(String(value));
}

function sameValue(left: Value, right: Value): boolean {
  if (typeof left === "string" && typeof right === "string") return left.toLowerCase() === right.toLowerCase();
  return left === right;
}

function unquote(text: string): string {
  return text.slice(1, -1).replace(/\\(.)/g, (_all, character: string) => unescapeOne(character));
}

function unescapeOne(character: string): string {
  return { n: "\n", r: "\r", t: "\t", b: "\b", f: "\f" }[character.toLowerCase()] ?? character;
}

function parentKey(type: ObjectType, relationship: string): Field | undefined {
  for (const field of type.fields.values())
    if (field.relationshipName?.toLowerCase() === relationship.toLowerCase()) return field;
  return undefined;
}

function invalidFilter(field: Field): SalesforceError {
  return new SalesforceError(400, "INVALID_FIELD", `field '${field.name}' can not be filtered in a query call`);
}

function wrongLiteral(field: Field, operand: Operand): SalesforceError {
  return new SalesforceError(
    400,
    "INVALID_FIELD",
    `value of filter criterion for field '${field.name}' must be of type ${field.type} and should not be ${operand.text}`,
  );
}
