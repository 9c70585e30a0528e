import { isObject } from "../json.ts";
import { expressionOf } from "../jsonata/evaluator.ts";
import { checkMode, DISTRIBUTED_FIELDS, distributedPlace, isDistributed, processorConfig } from "./distributed.ts";
import { validateGroup } from "./groups.ts";
import { catchers, checkFields, retriers } from "./recovery.ts";
import { below, type Place, refuse } from "./report.ts";
import type { StateType } from "./types.ts";
import {
  assignments,
  type Check,
  evaluated,
  INPUT_ONLY,
  integer,
  oneOf,
  onlyTrue,
  stringOrExpression,
  text,
  WITH_RESULT,
} from "./values.ts";

type Fields = Readonly<Record<string, Check>>;

const MAX_SECONDS = 99_999_999;
const COMMON: Fields = { Type: text, Comment: text, QueryLanguage: oneOf("JSONata") };
const MOVING: Fields = { Next: text, End: onlyTrue };
const SHAPING: Fields = { Output: evaluated(INPUT_ONLY), Assign: assignments(INPUT_ONLY) };
const WORKING: Fields = {
  ...COMMON,
  ...MOVING,
  Arguments: evaluated(INPUT_ONLY),
  Output: evaluated(WITH_RESULT),
  Assign: assignments(WITH_RESULT),
  Retry: retriers,
  Catch: catchers,
};
const { Arguments: _, ...WORKING_WITHOUT_ARGUMENTS } = WORKING;

const choices: Check = (value, place) => {
  if (!Array.isArray(value) || value.length === 0) {
    refuse(place, "Expected a non-empty array of choice rules");
    return;
  }
  for (const [index, rule] of value.entries()) {
    const at = below(place, `[${index}]`);
    if (!isObject(rule)) refuse(at, "Expected value of type Object");
    else {
      checkFields(rule, at, { Condition: condition, Next: text, Comment: text, ...SHAPING });
      requireFields(rule, at, ["Condition", "Next"]);
    }
  }
};

const condition: Check = (value, place) => {
  if (typeof value === "boolean") return;
  if (expressionOf(value) === undefined) refuse(place, "Expected a boolean or a JSONata expression");
  else evaluated(INPUT_ONLY)(value, place);
};

const branches: Check = (value, place) => {
  if (!Array.isArray(value) || value.length === 0) {
    refuse(place, "Expected a non-empty array of branches");
    return;
  }
  for (const [index, branch] of value.entries()) validateGroup(branch, nested(below(place, `[${index}]`)));
};

const itemProcessor: Check = (value, place) => {
  if (!isObject(value)) {
    refuse(place, "Expected value of type Object");
    return;
  }
  const { ProcessorConfig: config, ...group } = value;
  if (config !== undefined) processorConfig(config, below(place, "ProcessorConfig"));
  validateGroup(group, isDistributed(value) ? distributedPlace(config, place) : nested(place));
};

/** A level below: the variables of this one are outer ones there. */
function nested(place: Place): Place {
  return { ...place, outerVariables: place.levelVariables };
}

const items: Check = (value, place) => {
  if (Array.isArray(value) || isObject(value) || expressionOf(value) !== undefined) evaluated(INPUT_ONLY)(value, place);
  else refuse(place, "Expected an array, an object or a JSONata expression");
};

const resource: Check = (value, place) => {
  text(value, place);
  if (typeof value !== "string" || expressionOf(value) !== undefined) return;
  const express =
    place.machineType === "EXPRESS"
      ? /\.(sync(?::2)?|waitForTaskToken)$/.exec(value)?.[1]?.replace(":2", "")
      : undefined;
  if (express) {
    refuse(place, `Express state machine does not support '.${express}' service integration`);
    return;
  }
  const problem = place.resourceProblem(value, place.machineType);
  if (problem) refuse(place, problem, "INVALID_RESOURCE");
};

const FIELDS: Readonly<Record<StateType, Fields>> = {
  Pass: { ...COMMON, ...MOVING, ...SHAPING },
  Task: {
    ...WORKING,
    Resource: resource,
    TimeoutSeconds: integer(1, MAX_SECONDS),
    HeartbeatSeconds: integer(1, MAX_SECONDS),
  },
  Choice: { ...COMMON, ...SHAPING, Choices: choices, Default: text },
  Wait: { ...COMMON, ...MOVING, ...SHAPING, Seconds: integer(0, MAX_SECONDS), Timestamp: stringOrExpression },
  Succeed: { ...COMMON, Output: evaluated(INPUT_ONLY) },
  Fail: { ...COMMON, Error: stringOrExpression, Cause: stringOrExpression },
  Parallel: { ...WORKING, Branches: branches },
  Map: {
    ...WORKING_WITHOUT_ARGUMENTS,
    Items: items,
    ItemSelector: evaluated(INPUT_ONLY),
    ItemProcessor: itemProcessor,
    MaxConcurrency: integer(0, MAX_SECONDS),
    ...DISTRIBUTED_FIELDS,
  },
};

const REQUIRED: Readonly<Partial<Record<StateType, readonly string[]>>> = {
  Task: ["Resource"],
  Choice: ["Choices"],
  Parallel: ["Branches"],
  Map: ["ItemProcessor"],
};

/** Judges one state: its type, its fields, what must be there, and what excludes what. */
export function validateState(state: unknown, place: Place): void {
  if (!isObject(state)) {
    refuse(place, "Expected value of type Object");
    return;
  }
  const type = state.Type as StateType;
  if (!Object.hasOwn(FIELDS, type)) {
    refuse(below(place, "Type"), `Expected one of ${Object.keys(FIELDS).join(", ")}`);
    return;
  }
  if (type === "Map") checkMode(state, place);
  checkFields(state, place, FIELDS[type]);
  requireFields(state, place, REQUIRED[type] ?? []);
  if ("Next" in FIELDS[type] && (state.Next === undefined) === (state.End === undefined))
    refuse(place, "Exactly one of these fields is required: [End, Next]");
  if (type === "Wait" && (state.Seconds === undefined) === (state.Timestamp === undefined))
    refuse(place, "Exactly one of these fields is required: [Seconds, Timestamp]");
  const { TimeoutSeconds: timeout, HeartbeatSeconds: heartbeat } = state;
  if (type === "Task" && typeof timeout === "number" && typeof heartbeat === "number" && heartbeat >= timeout)
    refuse(below(place, "HeartbeatSeconds"), "'HeartbeatSeconds' must be smaller than 'TimeoutSeconds'");
}

function requireFields(value: Record<string, unknown>, place: Place, names: readonly string[]): void {
  const missing = names.filter((name) => value[name] === undefined);
  if (missing.length > 0) refuse(place, `These fields are required: [${missing.join(", ")}]`);
}
