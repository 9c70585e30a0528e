import type { Query } from "@jetstreamapp/soql-parser-js";
import { malformedQuery, SalesforceError } from "../errors.ts";
import { type Field, systemField } from "../fields.ts";
import type { Value } from "../values.ts";
import { comparison } from "./literals.ts";
import type { Comparison, Predicate, Term } from "./parse.ts";

/** How to get a value out of an item (a record or a group), and of which type it is. */
export interface Readable<Item> {
  readonly field: Field;
  read(item: Item): Value;
}

/** What conditions need of their surroundings. */
export interface ConditionContext<Item> {
  /** @throws SalesforceError when a name is unknown */
  resolve(term: Term): Readable<Item>;
  /** Values that the query of a semi-join finds. */
  semiJoin(query: Query): ReadonlySet<Value>;
  /** Clock of the date literals, in epoch milliseconds. */
  now(): number;
}

/** Makes a test for items out of a predicate; names and literals are checked once, here. */
export function compile<Item>(predicate: Predicate, context: ConditionContext<Item>): (item: Item) => boolean {
  switch (predicate.kind) {
    case "and": {
      const terms = predicate.terms.map((term) => compile(term, context));
      return (item) => terms.every((term) => term(item));
    }
    case "or": {
      const terms = predicate.terms.map((term) => compile(term, context));
      return (item) => terms.some((term) => term(item));
    }
    case "not": {
      const term = compile(predicate.term, context);
      return (item) => !term(item);
    }
    case "compare":
      return compare(predicate, context);
  }
}

function compare<Item>(condition: Comparison, context: ConditionContext<Item>): (item: Item) => boolean {
  const left = context.resolve(condition.term);
  if (!condition.query) {
    const test = comparison(left.field, condition.operator, condition.operands, context.now());
    return (item) => test(left.read(item));
  }
  if (left.field.type !== "id" && left.field.type !== "reference")
    throw new SalesforceError(
      400,
      "INVALID_FIELD",
      `The left operand field in the where expression for semi join must be an id or reference field: '${left.field.name}'`,
    );
  const found = context.semiJoin(condition.query);
  switch (condition.operator) {
    case "IN":
      return (item) => found.has(left.read(item));
    case "NOT IN":
      return (item) => !found.has(left.read(item));
    default:
      throw malformedQuery(`unexpected token: '${condition.operator}'`);
  }
}

type DatePart = (date: Date) => number;

/** Functions of dates and date-times, in UTC. */
const DATE_FUNCTIONS: Readonly<Record<string, DatePart>> = {
  CALENDAR_YEAR: (date) => date.getUTCFullYear(),
  CALENDAR_QUARTER: (date) => Math.floor(date.getUTCMonth() / 3) + 1,
  CALENDAR_MONTH: (date) => date.getUTCMonth() + 1,
  DAY_IN_MONTH: (date) => date.getUTCDate(),
  DAY_IN_WEEK: (date) => date.getUTCDay() + 1,
  HOUR_IN_DAY: (date) => date.getUTCHours(),
};

/** A date function over a readable, or undefined when there is no function of that name. */
export function dateFunction<Item>(name: string, of: Readable<Item>): Readable<Item> | undefined {
  const part = DATE_FUNCTIONS[name];
  if (!part && name !== "DAY_ONLY") return undefined;
  if (of.field.type !== "date" && of.field.type !== "datetime")
    throw malformedQuery(`field ${of.field.name} does not support the function ${name}`);
  const text = (item: Item) => of.read(item) as string | null;
  if (!part) {
    return { field: systemField(of.field.name, name, "date"), read: (item) => text(item)?.slice(0, 10) ?? null };
  }
  const read = (item: Item) => {
    const value = text(item);
    return value === null ? null : part(new Date(value));
  };
  return { field: systemField(of.field.name, name, "int"), read };
}
