import ipaddr from "ipaddr.js";
import { matches, parsePattern, type Variable, wildcard } from "./wildcard.ts";

/** Condition keys of a request, by lower-case name; a key that is absent has no entry. */
export type RequestKeys = ReadonlyMap<string, readonly string[]>;

type Test = (wanted: string, given: string) => boolean;

/** Compares one policy value with one request value; the negated operators turn the answer round. */
const TESTS: Readonly<Record<string, Test>> = {
  StringEquals: (wanted, given) => wanted === given,
  StringEqualsIgnoreCase: (wanted, given) => wanted.toLowerCase() === given.toLowerCase(),
  NumericEquals: (wanted, given) => Number(given) === Number(wanted),
  NumericLessThan: (wanted, given) => Number(given) < Number(wanted),
  NumericLessThanEquals: (wanted, given) => Number(given) <= Number(wanted),
  NumericGreaterThan: (wanted, given) => Number(given) > Number(wanted),
  NumericGreaterThanEquals: (wanted, given) => Number(given) >= Number(wanted),
  DateEquals: (wanted, given) => instant(given) === instant(wanted),
  DateLessThan: (wanted, given) => instant(given) < instant(wanted),
  DateLessThanEquals: (wanted, given) => instant(given) <= instant(wanted),
  DateGreaterThan: (wanted, given) => instant(given) > instant(wanted),
  DateGreaterThanEquals: (wanted, given) => instant(given) >= instant(wanted),
  Bool: (wanted, given) => wanted.toLowerCase() === given.toLowerCase(),
  BinaryEquals: (wanted, given) => wanted === given,
  IpAddress: inRange,
};
/** Operators whose policy value may hold wildcards. */
const PATTERNS: ReadonlySet<string> = new Set(["StringLike", "ArnEquals", "ArnLike"]);
const NEGATED: Readonly<Record<string, string>> = {
  StringNotEquals: "StringEquals",
  StringNotEqualsIgnoreCase: "StringEqualsIgnoreCase",
  StringNotLike: "StringLike",
  NumericNotEquals: "NumericEquals",
  DateNotEquals: "DateEquals",
  NotIpAddress: "IpAddress",
  ArnNotEquals: "ArnEquals",
  ArnNotLike: "ArnLike",
};

interface Operator {
  readonly name: string;
  readonly negated: boolean;
  readonly ifExists: boolean;
  readonly quantifier: "ForAllValues" | "ForAnyValue" | undefined;
}

/** Takes a condition operator apart; `undefined` when IAM has no such operator. */
export function parseOperator(source: string): Operator | undefined {
  const [, quantifier, base = "", ifExists] = /^(?:(ForAllValues|ForAnyValue):)?(.+?)(IfExists)?$/.exec(source) ?? [];
  const name = NEGATED[base] ?? base;
  if (!Object.hasOwn(TESTS, name) && !PATTERNS.has(name) && name !== "Null") return undefined;
  return {
    name,
    negated: Object.hasOwn(NEGATED, base),
    ifExists: ifExists !== undefined,
    quantifier: quantifier as Operator["quantifier"],
  };
}

/**
 * Whether every operator and key of a `Condition` block holds for the request.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
 */
export function conditionsHold(
  block: Readonly<Record<string, Readonly<Record<string, unknown>>>> | undefined,
  keys: RequestKeys,
  variable: Variable | undefined,
): boolean {
  return Object.entries(block ?? {}).every(([source, members]) => {
    const operator = parseOperator(source);
    if (!operator) return false;
    return Object.entries(members).every(([key, values]) => {
      const wanted = (Array.isArray(values) ? values : [values]).map(String);
      return holds(operator, wanted, keys.get(key.toLowerCase()), variable);
    });
  });
}

function holds(
  { name, negated, ifExists, quantifier }: Operator,
  wanted: readonly string[],
  given: readonly string[] | undefined,
  variable: Variable | undefined,
): boolean {
  if (name === "Null") return wanted.some((value) => (value.toLowerCase() === "true") === (given === undefined));
  if (!given?.length) {
    if (quantifier === "ForAllValues") return true;
    return ifExists || (negated && quantifier === undefined);
  }
  const satisfies = (value: string) => wanted.some((one) => meets(name, one, value, variable)) !== negated;
  const all = quantifier === "ForAllValues" || (quantifier === undefined && negated);
  return all ? given.every(satisfies) : given.some(satisfies);
}

function meets(name: string, wanted: string, given: string, variable: Variable | undefined): boolean {
  if (name === "StringLike") {
    const pattern = parsePattern(wanted, variable);
    return pattern !== undefined && matches(pattern, given);
  }
  if (PATTERNS.has(name)) return arnLike(wanted, given, variable);
  const filled = variable ? literal(wanted, variable) : wanted;
  return filled !== undefined && (TESTS[name]?.(filled, given) ?? false);
}

/** ARNs are compared part by part, so that a wildcard cannot reach over a colon of the first five. */
function arnLike(wanted: string, given: string, variable: Variable | undefined): boolean {
  const filled = variable ? literal(wanted, variable) : wanted;
  if (filled === undefined) return false;
  const [pattern, value] = [arnParts(filled), arnParts(given)];
  return pattern.length === value.length && pattern.every((part, index) => wildcard(part, value[index] ?? ""));
}

function arnParts(value: string): string[] {
  const parts = value.split(":");
  return [...parts.slice(0, 5), parts.slice(5).join(":")];
}

/** A policy value of an operator without wildcards, with its variables filled in. */
function literal(source: string, variable: Variable): string | undefined {
  let missing = false;
  const filled = source.replace(/\$\{([^}]+)\}/g, (whole) => {
    const pattern = parsePattern(whole, variable);
    if (!pattern) missing = true;
    return pattern?.join("") ?? "";
  });
  return missing ? undefined : filled;
}

function instant(value: string): number {
  return /^\d+(\.\d+)?$/.test(value) ? Number(value) * 1000 : Date.parse(value);
}

function inRange(wanted: string, given: string): boolean {
  if (!ipaddr.isValid(given)) return false;
  const address = ipaddr.parse(given);
  const range = wanted.includes("/") ? wanted : `${wanted}/${address.kind() === "ipv4" ? 32 : 128}`;
  if (!ipaddr.isValidCIDR(range)) return false;
  const [network, bits] = ipaddr.parseCIDR(range);
  return network.kind() === address.kind() && address.match(network, bits);
}
