import { BoundedRegExp, SearchTimedOut } from "../../../bounded-regexp.ts";
import { malformedQuery, queryTimeout, SalesforceError } from "../errors.ts";
import type { Field } from "../fields.ts";
import { toId18 } from "../ids.ts";
import { dateTime, type Value } from "../values.ts";
import { spanOf } from "./dates.ts";
import type { Operand } from "./parse.ts";

const MANY_WILDCARDS = 4;

/** Whether a value meets a condition. */
export type Test = (value: Value) => boolean;

const NUMBERS: ReadonlySet<string> = new Set(["int", "double", "currency", "percent"]);
const IDS: ReadonlySet<string> = new Set(["id", "reference"]);

/**
 * Checks the literals of a condition once and makes its test. `now` is the clock of the date literals.
 * @throws SalesforceError `INVALID_FIELD`, `INVALID_QUERY_FILTER_OPERATOR`, `MALFORMED_QUERY`
 */
export function comparison(field: Field, operator: string, operands: readonly Operand[], now: number): Test {
  assertFilterable(field);
  if (operator === "IN") return anyOf(field, operands, now);
  if (operator === "NOT IN") return negate(anyOf(field, operands, now));
  if (operator === "INCLUDES") return includes(field, operands);
  if (operator === "EXCLUDES") return negate(includes(field, operands));
  const [operand] = operands;
  if (!operand) throw malformedQuery(`unexpected token: '${operator}'`);
  return single(field, operator, operand, now);
}

/** @throws SalesforceError `INVALID_FIELD` for long texts and compounds */
export function assertFilterable(field: Field): void {
  if (field.type === "address" || (field.type === "textarea" && (field.length ?? 0) > 255))
    throw new SalesforceError(400, "INVALID_FIELD", `field '${field.name}' can not be filtered in a query call`);
}

/** Orders two values. */
export type Comparer = (left: Value, right: Value) => number;

/** The order of a field's values: texts without regard to case, ids with it, nulls as the smallest. */
export function comparerOf(field: Pick<Field, "type">): Comparer {
  const fold = IDS.has(field.type) ? (value: string | number | boolean) => value : folded;
  return (left, right) => {
    if (left === right) return 0;
    if (left === null) return -1;
    if (right === null) return 1;
    const [a, b] = [fold(left), fold(right)];
    return a < b ? -1 : a > b ? 1 : 0;
  };
}

/** The instant, as the org stores it, from which a condition on a date-time can be true; undefined when there is none. */
export function lowerBound(
  field: Pick<Field, "name" | "type">,
  operator: string,
  operand: Operand,
  now: number,
): string | undefined {
  if (operand.type === "NULL" || !["=", ">", ">="].includes(operator)) return undefined;
  const { from, to } = temporalSpan(field, operand, now);
  return operator === ">" ? to : from;
}

function anyOf(field: Field, operands: readonly Operand[], now: number): Test {
  if (field.type === "date" || field.type === "datetime") {
    const tests = operands.map((operand) => single(field, "=", operand, now));
    return (value) => tests.some((test) => test(value));
  }
  const wanted = new Set(operands.map((operand) => foldedOrNull(literal(field, operand))));
  return (value) => wanted.has(foldedOrNull(value));
}

function negate(test: Test): Test {
  return (value) => !test(value);
}

/** `INCLUDES ('A;B', 'C')`: both A and B are chosen, or C is. */
function includes(field: Field, operands: readonly Operand[]): Test {
  if ((field.type as string) !== "multipicklist")
    throw new SalesforceError(
      400,
      "INVALID_QUERY_FILTER_OPERATOR",
      `includes or excludes operator only valid on multipicklist field: ${field.name}`,
    );
  const wanted = operands.map((operand) =>
    String(literal(field, operand) ?? "")
      .toLowerCase()
      .split(";"),
  );
  return (value) => {
    const chosen = new Set(
      String(value ?? "")
        .toLowerCase()
        .split(";"),
    );
    return wanted.some((all) => all.every((one) => chosen.has(one)));
  };
}

function single(field: Field, operator: string, operand: Operand, now: number): Test {
  if (operator === "LIKE") return like(field, operand);
  if (field.type === "datetime" || field.type === "date") return temporal(field, operator, operand, now);
  const wanted = literal(field, operand);
  const compareValues = comparerOf(field);
  const order = (accept: (sign: number) => boolean): Test => {
    return (value) => value !== null && wanted !== null && accept(compareValues(value, wanted));
  };
  switch (operator) {
    case "=":
      return (value) => compareValues(value, wanted) === 0;
    case "!=":
      return (value) => compareValues(value, wanted) !== 0;
    case "<":
      return order((sign) => sign < 0);
    case "<=":
      return order((sign) => sign <= 0);
    case ">":
      return order((sign) => sign > 0);
    case ">=":
      return order((sign) => sign >= 0);
    default:
      throw malformedQuery(`unexpected token: '${operator}'`);
  }
}

/** Stored dates and date-times are ISO texts of one form, so their order is that of the texts. */
function temporal(field: Field, operator: string, operand: Operand, now: number): Test {
  if (operand.type === "NULL") {
    if (operator === "=") return (value) => value === null;
    if (operator === "!=") return (value) => value !== null;
    return () => false;
  }
  const { from, to } = temporalSpan(field, operand, now);
  const text = (test: (value: string) => boolean, whenNull = false): Test => {
    return (value) => (value === null ? whenNull : test(value as string));
  };
  switch (operator) {
    case "=":
      return text((value) => value >= from && value < to);
    case "!=":
      return text((value) => value < from || value >= to, true);
    case "<":
      return text((value) => value < from);
    case "<=":
      return text((value) => value < to);
    case ">":
      return text((value) => value >= to);
    case ">=":
      return text((value) => value >= from);
    default:
      throw malformedQuery(`unexpected token: '${operator}'`);
  }
}

function temporalSpan(
  field: Pick<Field, "name" | "type">,
  operand: Operand,
  now: number,
): { from: string; to: string } {
  const stored = (time: number) => new Date(time).toISOString().slice(0, field.type === "date" ? 10 : undefined);
  if (operand.type === "DATE_LITERAL" || operand.type === "DATE_N_LITERAL") {
    const span = spanOf(operand.text, now);
    return { from: stored(span.from), to: stored(span.to) };
  }
  const wantedType = field.type === "date" ? "DATE" : "DATETIME";
  const iso = operand.type === wantedType ? dateTime(operand.text) : undefined;
  if (!iso) throw wrongLiteral(field, operand);
  const from = Date.parse(iso);
  return { from: stored(from), to: stored(from + (field.type === "date" ? 24 * 3600 * 1000 : 1)) };
}

function literal(field: Field, operand: Operand): Value {
  if (operand.type === "NULL") return null;
  if (field.type === "boolean") {
    if (operand.type !== "BOOLEAN") throw wrongLiteral(field, operand);
    return operand.text.toUpperCase() === "TRUE";
  }
  if (NUMBERS.has(field.type)) {
    if (operand.type !== "INTEGER" && operand.type !== "DECIMAL") throw wrongLiteral(field, operand);
    return Number(operand.text);
  }
  if (operand.type !== "STRING") throw wrongLiteral(field, operand);
  const text = unquote(operand.text);
  if (!IDS.has(field.type)) return text || null; // The org stores no empty texts, so '' means null.
  const id = toId18(text);
  if (!id) throw new SalesforceError(400, "INVALID_QUERY_FILTER_OPERATOR", `invalid ID field: ${text}`);
  return id;
}

function like(field: Field, operand: Operand): Test {
  if (operand.type !== "STRING" || field.type === "boolean" || NUMBERS.has(field.type) || IDS.has(field.type))
    throw wrongLiteral(field, operand);
  // In LIKE a backslash also takes the wildcards their meaning, so it must survive the unquoting.
  const pattern = operand.text
    .slice(1, -1)
    .replace(/\\([%_])|\\(.)|([%_])|([.*+?^${}()|[\]\\])/g, (_all, escaped, other, wildcard, special) => {
      if (escaped) return escaped;
      if (other) return unescapeOne(other).replace(/[.*+?^${}()|[\]\\]/, "\\$&");
      return wildcard ? (wildcard === "%" ? "[^]*" : "[^]") : `\\${special}`;
    });
  // A few wildcards are cheap on a text field of any length; many take for ever.
  const Pattern = pattern.split("[^]*").length > MANY_WILDCARDS ? BoundedRegExp : RegExp;
  const expression = new Pattern(`^${pattern}$`, "i");
  return (value) => {
    try {
      return value !== null && expression.test(String(value));
    } catch (cause) {
      throw cause instanceof SearchTimedOut ? queryTimeout() : cause;
    }
  };
}

/** A quoted text without its quotes and escapes. */
export function unquote(text: string): string {
  return text.slice(1, -1).replace(/\\(u[0-9a-fA-F]{4}|.)/g, (_all, code: string) => unescapeOne(code));
}

function unescapeOne(code: string): string {
  if (code.length === 5) return String.fromCharCode(Number.parseInt(code.slice(1), 16));
  return { n: "\n", r: "\r", t: "\t", b: "\b", f: "\f" }[code.toLowerCase()] ?? code;
}

function folded(value: string | number | boolean): string | number | boolean {
  return typeof value === "string" ? value.toLowerCase() : value;
}

function foldedOrNull(value: Value): Value {
  return value === null ? null : folded(value);
}

function wrongLiteral(field: Pick<Field, "name" | "type">, operand: Operand): SalesforceError {
  return new SalesforceError(
    400,
    "INVALID_FIELD",
    `value of filter criterion for field '${field.name}' must be of type ${field.type} and should not be ${operand.text}`,
  );
}
