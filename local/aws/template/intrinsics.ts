import { TemplateError } from "../kernel/errors.ts";
import { asObject } from "./document.ts";

/** What `AWS::NoValue` evaluates to: the property or list item that holds it is left out. */
export const NO_VALUE = Symbol("AWS::NoValue");

/** Where an expression stands, for error messages. */
export interface Place {
  readonly logicalId: string;
  readonly path: string;
}

/** What intrinsic functions look things up in. */
export interface Scope {
  ref(name: string, place: Place): unknown;
  attribute(logicalId: string, attribute: string, place: Place): unknown;
  condition(name: string, place: Place): boolean;
  mapping(map: string, top: string, second: string, place: Place): unknown;
  importValue(name: string, place: Place): unknown;
}

type Intrinsic = (argument: unknown, scope: Scope, place: Place) => unknown;

/**
 * Evaluates every intrinsic function inside `value`.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
 * @throws TemplateError for an unknown function, or arguments that it does not take
 */
export function evaluate(value: unknown, scope: Scope, place: Place): unknown {
  if (Array.isArray(value))
    return value
      .map((item, index) => evaluate(item, scope, { ...place, path: `${place.path}[${index}]` }))
      .filter((item) => item !== NO_VALUE);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value);
  const [name, argument] = entries[0] ?? [];
  if (entries.length === 1 && name !== undefined && isIntrinsic(name)) return call(name, argument, scope, place);
  return Object.fromEntries(
    entries
      .map(([key, member]) => [key, evaluate(member, scope, { ...place, path: `${place.path}.${key}` })] as const)
      .filter(([, member]) => member !== NO_VALUE),
  );
}

/** The variables of a `Fn::Sub` text, without the literal `${!…}` ones. */
export function substitutions(text: string): string[] {
  return [...text.matchAll(/\$\{([^!{}][^{}]*)\}/g)].map((match) => (match[1] ?? "").trim());
}

function isIntrinsic(name: string): boolean {
  return name === "Ref" || name === "Condition" || name.startsWith("Fn::");
}

function call(name: string, argument: unknown, scope: Scope, place: Place): unknown {
  // An IAM statement's only member may be called Condition; there its value is an object.
  if (name === "Condition" && typeof argument !== "string")
    return { Condition: evaluate(argument, scope, { ...place, path: `${place.path}.Condition` }) };
  const intrinsic = Object.hasOwn(INTRINSICS, name) ? INTRINSICS[name] : undefined;
  if (!intrinsic) fail(place, `the twin does not support ${name}`);
  return intrinsic(argument, scope, place);
}

const INTRINSICS: Readonly<Record<string, Intrinsic>> = {
  Ref: (argument, scope, place) => scope.ref(text(argument, place, "Ref"), place),
  Condition: (argument, scope, place) => scope.condition(text(argument, place, "Condition"), place),
  "Fn::GetAtt": (argument, scope, place) => {
    const [logicalId, attribute] = attributePath(argument, place);
    return scope.attribute(logicalId, text(evaluate(attribute, scope, place), place, "Fn::GetAtt"), place);
  },
  "Fn::Sub": substitute,
  "Fn::Join": (argument, scope, place) => {
    const [separator, items] = list(argument, 2, place, "Fn::Join");
    const parts = evaluate(items, scope, place);
    if (!Array.isArray(parts)) fail(place, "the second argument of Fn::Join must be a list");
    return parts.map((part) => text(part, place, "Fn::Join")).join(text(separator, place, "Fn::Join"));
  },
  "Fn::Select": (argument, scope, place) => {
    const [index, items] = list(argument, 2, place, "Fn::Select").map((item) => evaluate(item, scope, place));
    if (!Array.isArray(items)) fail(place, "the second argument of Fn::Select must be a list");
    const selected = items[Number(index)];
    if (selected === undefined) fail(place, `Fn::Select has no item ${String(index)} in a list of ${items.length}`);
    return selected;
  },
  "Fn::Split": (argument, scope, place) => {
    const [separator, source] = list(argument, 2, place, "Fn::Split").map((item) => evaluate(item, scope, place));
    return text(source, place, "Fn::Split").split(text(separator, place, "Fn::Split"));
  },
  "Fn::If": (argument, scope, place) => {
    const [condition, yes, no] = list(argument, 3, place, "Fn::If");
    return evaluate(scope.condition(text(condition, place, "Fn::If"), place) ? yes : no, scope, place);
  },
  "Fn::Equals": (argument, scope, place) => {
    const [left, right] = list(argument, 2, place, "Fn::Equals").map((item) => evaluate(item, scope, place));
    return JSON.stringify(comparable(left)) === JSON.stringify(comparable(right));
  },
  "Fn::And": (argument, scope, place) => truths(argument, scope, place, "Fn::And").every(Boolean),
  "Fn::Or": (argument, scope, place) => truths(argument, scope, place, "Fn::Or").some(Boolean),
  "Fn::Not": (argument, scope, place) => !truths(argument, scope, place, "Fn::Not")[0],
  "Fn::FindInMap": (argument, scope, place) => {
    const [map, top, second] = list(argument, 3, place, "Fn::FindInMap").map((item) =>
      text(evaluate(item, scope, place), place, "Fn::FindInMap"),
    );
    return scope.mapping(map ?? "", top ?? "", second ?? "", place);
  },
  "Fn::ImportValue": (argument, scope, place) =>
    scope.importValue(text(evaluate(argument, scope, place), place, "Fn::ImportValue"), place),
  "Fn::Base64": (argument, scope, place) =>
    Buffer.from(text(evaluate(argument, scope, place), place, "Fn::Base64")).toString("base64"),
};

function substitute(argument: unknown, scope: Scope, place: Place): string {
  const [template, given] = Array.isArray(argument) ? argument : [argument, {}];
  const source = text(template, place, "Fn::Sub");
  const variables = asObject(evaluate(given ?? {}, scope, place), place.logicalId, place.path);
  const filled = source.replace(/\$\{([^!{}][^{}]*)\}/g, (_, raw: string) => {
    const name = raw.trim();
    const dot = name.indexOf(".");
    if (Object.hasOwn(variables, name)) return text(variables[name], place, "Fn::Sub");
    const value = dot < 0 ? scope.ref(name, place) : scope.attribute(name.slice(0, dot), name.slice(dot + 1), place);
    return text(value, place, "Fn::Sub");
  });
  return filled.replaceAll("${!", "${");
}

/** The logical id and attribute of a `Fn::GetAtt` in either form, `["Id", "Arn"]` or `"Id.Arn"`. */
export function attributePath(argument: unknown, place: Place): readonly [string, unknown] {
  if (typeof argument === "string" && argument.includes("."))
    return [argument.slice(0, argument.indexOf(".")), argument.slice(argument.indexOf(".") + 1)];
  const [logicalId, attribute] = list(argument, 2, place, "Fn::GetAtt");
  return [text(logicalId, place, "Fn::GetAtt"), attribute];
}

function truths(argument: unknown, scope: Scope, place: Place, name: string): unknown[] {
  if (!Array.isArray(argument) || argument.length === 0) fail(place, `${name} takes a list of conditions`);
  return argument.map((item) => {
    const value = evaluate(item, scope, place);
    if (typeof value !== "boolean") fail(place, `${name} takes conditions, not ${JSON.stringify(value)}`);
    return value;
  });
}

function comparable(value: unknown): unknown {
  return typeof value === "number" || typeof value === "boolean" ? String(value) : value;
}

function list(argument: unknown, length: number, place: Place, name: string): unknown[] {
  if (Array.isArray(argument) && argument.length === length) return argument;
  return fail(place, `${name} takes a list of ${length} arguments`);
}

function text(value: unknown, place: Place, name: string): string {
  if (typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return fail(place, `${name} needs text, not ${value === NO_VALUE ? "AWS::NoValue" : JSON.stringify(value)}`);
}

function fail(place: Place, problem: string): never {
  throw new TemplateError(place.logicalId, place.path, problem);
}
