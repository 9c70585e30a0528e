import { invalidPattern } from "./errors.ts";
import { type Conjunction, type FieldCondition, type FlatEvent, flattenEvent, matchConjunction } from "./matcher.ts";
import { compileMember, OPERATOR_NAMES } from "./operators.ts";

/** A compiled event pattern. */
export interface EventPattern {
  matches(event: FlatEvent): boolean;
}

/** Combinations of `$or` alternatives that a pattern may come to. */
const MAXIMUM_COMBINATIONS = 1000;

/**
 * Checks and compiles an event pattern.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern.html
 * @param text the pattern as JSON
 * @throws AwsError `InvalidEventPatternException` that says what is wrong in the words of EventBridge
 */
export function compilePattern(text: string): EventPattern {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw invalidPattern((cause as Error).message);
  }
  if (!isObject(parsed)) throw invalidPattern("Filter is not an object");
  const conjunction = compileObject(parsed, "", false);
  if (combinations(conjunction) > MAXIMUM_COMBINATIONS)
    throw invalidPattern(`The $or alternatives come to more than ${MAXIMUM_COMBINATIONS} combinations`);
  return { matches: (event) => matchConjunction(conjunction, event) };
}

/** Whether `event` (a JSON value) matches `pattern` (JSON text). @throws AwsError `InvalidEventPatternException` */
export function matchesPattern(pattern: string, event: unknown): boolean {
  return compilePattern(pattern).matches(flattenEvent(event));
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === "object" && !Array.isArray(value);

function compileObject(object: Record<string, unknown>, path: string, insideOr: boolean): Conjunction {
  const fields: FieldCondition[] = [];
  const ors: (readonly Conjunction[])[] = [];
  const entries = Object.entries(object);
  if (entries.length === 0) throw invalidPattern("Empty objects are not allowed");
  for (const [key, value] of entries) {
    const alternatives = key === "$or" ? orAlternatives(value) : undefined;
    if (alternatives) {
      ors.push(alternatives.map((alternative) => compileObject(alternative, path, true)));
      continue;
    }
    if (insideOr && OPERATOR_NAMES.has(key))
      throw invalidPattern(`${key} is Ruler reserved fieldName which cannot be used inside $or.`);
    const at = path ? `${path}.${key}` : key;
    if (Array.isArray(value)) fields.push({ path: at, members: compileMembers(value) });
    else if (isObject(value)) {
      const nested = compileObject(value, at, insideOr);
      fields.push(...nested.fields);
      ors.push(...nested.ors);
    } else throw invalidPattern(`"${key}" must be an object or an array`);
  }
  // Absence is judged against the array elements that earlier paths settled on, so the order counts.
  return { fields: fields.sort((a, b) => (a.path < b.path ? -1 : 1)), ors };
}

function compileMembers(values: readonly unknown[]) {
  if (values.length === 0) throw invalidPattern("Empty arrays are not allowed");
  return values.map(compileMember);
}

/** `$or` is an operator only over two or more objects without operator names as fields; else it is a plain key. */
function orAlternatives(value: unknown): Record<string, unknown>[] | undefined {
  if (!Array.isArray(value) || value.length < 2 || !value.every(isObject)) return undefined;
  const namesOperator = value.some((alternative) => Object.keys(alternative).some((key) => OPERATOR_NAMES.has(key)));
  return namesOperator ? undefined : value;
}

function combinations({ ors }: Conjunction): number {
  return ors.reduce(
    (product, alternatives) => product * alternatives.reduce((sum, alternative) => sum + combinations(alternative), 0),
    1,
  );
}
