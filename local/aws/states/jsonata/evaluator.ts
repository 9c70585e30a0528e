import jsonata from "jsonata";
import { BoundedRegExp } from "../../../bounded-regexp.ts";
import type { Json } from "../json.ts";
import { jsonType } from "../json.ts";
import { EXTRA_FUNCTIONS } from "./functions.ts";

/** What an expression sees: `$states` and the variables in scope. */
export interface Bindings {
  readonly states: {
    readonly input: Json;
    readonly context: Json;
    readonly result?: Json;
    readonly errorOutput?: Json;
  };
  readonly variables: Readonly<Record<string, Json>>;
}

/** An expression failed; `message` has the words of Step Functions, without the state's name. */
export class ExpressionError extends Error {
  override readonly name = "ExpressionError";
  /** Where the expression stands, such as `Output/result`. */
  readonly field: string;

  constructor(field: string, message: string) {
    super(message);
    this.field = field;
  }
}

/** Milliseconds that one expression may take. */
const TIME_LIMIT_MS = 1000;
const STACK_LIMIT = 1000;
const CACHE_SIZE = 2000;
const compiled = new Map<string, jsonata.Expression>();

/** The JSONata text of a `{% … %}` string; `undefined` when the value is not an expression. */
export function expressionOf(value: unknown): string | undefined {
  if (typeof value !== "string" || value.length < 4 || !value.startsWith("{%") || !value.endsWith("%}"))
    return undefined;
  return value.slice(2, -2).trim();
}

/** Parses an expression. @throws the library's error (`code`, `message`, `position`) when the syntax is wrong */
export function compile(source: string): jsonata.Expression {
  const known = compiled.get(source);
  if (known) return known;
  const expression = jsonata(source, {
    timeout: TIME_LIMIT_MS,
    stack: STACK_LIMIT,
    RegexEngine: BoundedRegExp as RegExpConstructor,
  });
  for (const [name, implementation] of Object.entries(EXTRA_FUNCTIONS))
    expression.registerFunction(name, implementation as (...values: unknown[]) => unknown);
  if (compiled.size >= CACHE_SIZE) compiled.clear();
  compiled.set(source, expression);
  return expression;
}

/**
 * Evaluates every `{% … %}` string in a value, at any depth; other values stay as they are.
 * @param field path of the value in its state, such as `Arguments`
 * @throws ExpressionError
 */
export async function evaluateValue(value: Json, field: string, bindings: Bindings): Promise<Json> {
  if (Array.isArray(value)) {
    const items: Json[] = [];
    for (const [index, item] of value.entries()) items.push(await evaluateValue(item, `${field}[${index}]`, bindings));
    return items;
  }
  if (typeof value === "object" && value !== null) {
    const members: [string, Json][] = [];
    for (const [key, member] of Object.entries(value))
      members.push([key, await evaluateValue(member, `${field}/${key}`, bindings)]);
    return Object.fromEntries(members);
  }
  const source = expressionOf(value);
  return source === undefined ? value : evaluateExpression(source, field, bindings);
}

/** Evaluates one expression to JSON. @throws ExpressionError */
export async function evaluateExpression(source: string, field: string, bindings: Bindings): Promise<Json> {
  const fail = (problem: string) =>
    new ExpressionError(field, `The JSONata expression '${source}' specified for the field '${field}' ${problem}`);
  let result: unknown;
  try {
    const visible = { ...bindings.variables, states: bindings.states, eval: undefined }; // there is no $eval
    result = await alone(() => compile(source).evaluate(undefined, visible));
  } catch (cause) {
    throw fail(`threw an error during evaluation. ${describe(cause)}`);
  }
  if (result === undefined) throw fail("returned nothing (undefined).");
  const json = toJson(result);
  if (json === undefined) throw fail("returned an unsupported result type.");
  return json;
}

let last: Promise<unknown> = Promise.resolve();

/**
 * Runs one evaluation after the other. The library's time limit reads the wall clock, so evaluations that take turns
 * would be charged for each other's work.
 */
function alone<T>(evaluation: () => Promise<T>): Promise<T> {
  const result = last.then(evaluation);
  last = result.catch(() => undefined);
  return result;
}

/** The error of an expression whose result has the wrong type. */
export function wrongType(source: string, field: string, expected: string, value: Json): ExpressionError {
  return new ExpressionError(
    field,
    `The JSONata expression '${source}' specified for the field '${field}' returned an unexpected result type. ` +
      `Expected '${expected}', but was '${jsonType(value)}' for value: ${JSON.stringify(value)}`,
  );
}

/** A plain copy, because jsonata marks its arrays; `undefined` when the value holds a function. */
function toJson(value: unknown): Json | undefined {
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number") return Number.isFinite(value) ? value : undefined;
  if (Array.isArray(value)) {
    const items = Array.from(value, (item) => (item === undefined ? null : toJson(item)));
    return items.some((item) => item === undefined) ? undefined : (items as Json[]);
  }
  if (typeof value !== "object" || "_jsonata_lambda" in value || "_jsonata_function" in value) return undefined;
  const members: [string, Json][] = [];
  for (const [key, member] of Object.entries(value)) {
    if (member === undefined) continue;
    const json = toJson(member);
    if (json === undefined) return undefined;
    members.push([key, json]);
  }
  // Not by assignment: a member may be called `__proto__`.
  return Object.fromEntries(members);
}

function describe(cause: unknown): string {
  const { code, message } = cause as { code?: string; message?: string };
  return code ? `${code}: ${message}` : String(message ?? cause);
}
