import { isObject } from "../json.ts";
import { below, type Place, refuse, warn } from "./report.ts";
import { anything, assignments, type Check, evaluated, literalNumber, oneOf, text, WITH_ERROR } from "./values.ts";

/** https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html#error-handling-error-representation */
const STATES_ERRORS = new Set(
  [
    "ALL",
    "BranchFailed",
    "DataLimitExceeded",
    "ExceedToleratedFailureThreshold",
    "HeartbeatTimeout",
    "Http.Socket",
    "IntrinsicFailure",
    "ItemReaderFailed",
    "NoChoiceMatched",
    "ParameterPathFailure",
    "Permissions",
    "QueryEvaluationError",
    "ResultPathMatchFailure",
    "ResultWriterFailed",
    "Runtime",
    "TaskFailed",
    "Timeout",
  ].map((name) => `States.${name}`),
);

const RETRIER_FIELDS: Readonly<Record<string, Check>> = {
  ErrorEquals: anything,
  Comment: text,
  IntervalSeconds: literalNumber(1, 99_999_999),
  MaxAttempts: literalNumber(0, 99_999_999),
  BackoffRate: literalNumber(1, Number.MAX_VALUE, false),
  MaxDelaySeconds: literalNumber(1, 31_622_400),
  JitterStrategy: oneOf("FULL", "NONE"),
};

const CATCHER_FIELDS: Readonly<Record<string, Check>> = {
  ErrorEquals: anything,
  Comment: text,
  Next: text,
  Output: evaluated(WITH_ERROR),
  Assign: assignments(WITH_ERROR),
};

export const retriers: Check = (value, place) =>
  entries(value, place, (entry, at) => {
    checkFields(entry, at, RETRIER_FIELDS);
    const { IntervalSeconds: interval = 1, MaxDelaySeconds: max } = entry;
    if (typeof max === "number" && typeof interval === "number" && max <= interval)
      refuse(below(at, "MaxDelaySeconds"), "'MaxDelaySeconds' must be greater than 'IntervalSeconds'");
  });

export const catchers: Check = (value, place) =>
  entries(value, place, (entry, at) => {
    checkFields(entry, at, CATCHER_FIELDS);
    if (entry.Next === undefined) refuse(at, "These fields are required: [Next]");
  });

function entries(value: unknown, place: Place, check: (entry: Record<string, unknown>, at: Place) => void): void {
  if (!Array.isArray(value)) {
    refuse(place, "Expected value of type Array");
    return;
  }
  for (const [index, entry] of value.entries()) {
    const at = below(place, `[${index}]`);
    if (!isObject(entry)) refuse(at, "Expected value of type Object");
    else {
      checkNames(entry.ErrorEquals, below(at, "ErrorEquals"), index === value.length - 1);
      check(entry, at);
    }
  }
}

function checkNames(names: unknown, place: Place, last: boolean): void {
  if (!Array.isArray(names) || names.length === 0 || names.some((name) => typeof name !== "string")) {
    refuse(place, "Expected a non-empty array of error names");
    return;
  }
  for (const name of names as string[]) {
    text(name, place);
    if (name.startsWith("States.") && !STATES_ERRORS.has(name))
      warn(place, `'${name}' is not an error name of Step Functions`);
  }
  if (!names.includes("States.ALL")) return;
  if (names.length > 1) refuse(place, "'States.ALL' must stand alone");
  if (!last) refuse(place, "'States.ALL' must be in the last entry");
}

/** Refuses unknown members and judges the known ones. */
export function checkFields(
  value: Readonly<Record<string, unknown>>,
  place: Place,
  fields: Readonly<Record<string, Check>>,
): void {
  for (const [name, member] of Object.entries(value)) {
    const check = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (check) check(member, below(place, name));
    else refuse(below(place, name), unknownField(name));
  }
}

const JSONPATH_FIELDS =
  /^(InputPath|OutputPath|ResultPath|ResultSelector|Parameters|Result|Variable|Iterator|.+Path|.+\.\$)$/;

function unknownField(name: string): string {
  return JSONPATH_FIELDS.test(name)
    ? `Field '${name}' belongs to JSONPath and is not supported in JSONata mode`
    : `Field '${name}' is not supported`;
}
