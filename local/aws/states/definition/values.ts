import { isObject } from "../json.ts";
import { type AllowedStates, checkExpression } from "../jsonata/check.ts";
import { expressionOf } from "../jsonata/evaluator.ts";
import { below, type Place, refuse } from "./report.ts";

/** Judges one value of the definition and adds what is wrong to the findings. */
export type Check = (value: unknown, place: Place) => void;

export const INPUT_ONLY: AllowedStates = { result: false, errorOutput: false };
export const WITH_RESULT: AllowedStates = { result: true, errorOutput: false };
export const WITH_ERROR: AllowedStates = { result: false, errorOutput: true };

const MAX_NAME = 80;
const VARIABLE_NAME = /^[\p{ID_Start}_][\p{ID_Continue}]*$/u;

export const anything: Check = () => undefined;

/** A string that is never evaluated. */
export const text: Check = (value, place) => {
  if (typeof value !== "string") refuse(place, "Expected value of type String");
  else if (expressionOf(value) !== undefined) refuse(place, "This field does not take a JSONata expression");
};

export const onlyTrue: Check = (value, place) => {
  if (value !== true) refuse(place, "Expected the value true");
};

export function oneOf(...values: string[]): Check {
  return (value, place) => {
    if (!values.includes(value as string)) refuse(place, `Expected one of ${values.join(", ")}`);
  };
}

/** A literal number, never an expression. */
export function literalNumber(min: number, max: number, whole = true): Check {
  return (value, place) => {
    if (typeof value === "string" && expressionOf(value) !== undefined)
      refuse(place, "This field does not take a JSONata expression");
    else if (typeof value !== "number" || (whole && !Number.isInteger(value)))
      refuse(place, `Expected value of type ${whole ? "Integer" : "Number"}`);
    else if (value < min || value > max) refuse(place, `Expected a value from ${min} to ${max}`);
  };
}

/** A whole number, or an expression that gives one. */
export function integer(min: number, max: number): Check {
  return (value, place) => {
    if (typeof value === "string" && expressionOf(value) !== undefined) evaluated(INPUT_ONLY)(value, place);
    else literalNumber(min, max)(value, place);
  };
}

/** A string, or an expression that gives one. */
export const stringOrExpression: Check = (value, place) => {
  if (typeof value !== "string") refuse(place, "Expected value of type String");
  else evaluated(INPUT_ONLY)(value, place);
};

/** Any JSON in which every `{% … %}` string is an expression. */
export function evaluated(allowed: AllowedStates): Check {
  const check: Check = (value, place) => {
    if (Array.isArray(value)) for (const [index, item] of value.entries()) check(item, below(place, `[${index}]`));
    else if (isObject(value)) for (const [key, member] of Object.entries(value)) check(member, below(place, key));
    else {
      const source = expressionOf(value);
      if (source === undefined) return;
      for (const problem of checkExpression(source, allowed)) refuse(place, `The expression '${source}' ${problem}`);
    }
  };
  return check;
}

/** `Assign`: whole variables only, named as Unicode identifiers, none of which hides an outer variable. */
export function assignments(allowed: AllowedStates): Check {
  return (value, place) => {
    if (!isObject(value)) {
      refuse(place, "Expected value of type Object");
      return;
    }
    for (const name of Object.keys(value)) {
      const at = below(place, name);
      if (!VARIABLE_NAME.test(name) || name.length > MAX_NAME)
        refuse(
          at,
          `'${name}' is not a valid variable name: use a Unicode identifier of at most ${MAX_NAME} characters`,
        );
      else if (name === "states") refuse(at, "The variable name 'states' is reserved");
      else if (place.outerVariables.has(name))
        refuse(at, `The variable '${name}' exists in an outer scope and cannot be assigned here`);
    }
    evaluated(allowed)(value, place);
  };
}
