import ipaddr from "ipaddr.js";
import { invalidPattern } from "./errors.ts";
import { compileWildcard } from "./wildcard.ts";

/** A leaf of an event. */
export type Leaf = string | number | boolean | null;
/** Whether a leaf of the event satisfies one member of a pattern's leaf array. */
export type LeafTest = (value: Leaf) => boolean;
/** A member of a leaf array: a test of a value, or the demand that there is none. */
export type LeafMember = LeafTest | "absent";

const LARGEST_NUMBER = 5_000_000_000;

const isString = (value: unknown): value is string => typeof value === "string";
const isNumber = (value: unknown): value is number => typeof value === "number";
const isObject = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === "object" && !Array.isArray(value);

/**
 * Compiles one member of a leaf array.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
 * @throws AwsError `InvalidEventPatternException`
 */
export function compileMember(member: unknown): LeafMember {
  if (isObject(member)) return compileOperator(member);
  if (Array.isArray(member)) throw invalidPattern("Match value must be String, number, true, false, or null");
  return (value) => value === member;
}

function compileOperator(expression: Record<string, unknown>): LeafMember {
  const names = Object.keys(expression);
  const [name] = names;
  if (name === undefined) throw invalidPattern("Match expression name not found");
  const operand = expression[name];
  const compile = OPERATORS[name];
  if (!compile || !Object.hasOwn(OPERATORS, name)) throw invalidPattern(`Unrecognized match type ${name}`);
  const compiled = compile(operand);
  if (names.length > 1) throw invalidPattern("Only one key allowed in match expression");
  return compiled;
}

const OPERATORS: Readonly<Record<string, (operand: unknown) => LeafMember>> = {
  prefix: (operand) => affix("prefix", operand),
  suffix: (operand) => affix("suffix", operand),
  "equals-ignore-case": (operand) => {
    if (!isString(operand)) throw invalidPattern("equals-ignore-case match pattern must be a string");
    return equalsIgnoreCase(operand);
  },
  wildcard: (operand) => {
    if (!isString(operand)) throw invalidPattern("wildcard match pattern must be a string");
    return onString(compileWildcard(operand));
  },
  "anything-but": anythingBut,
  numeric: (operand) => {
    if (!Array.isArray(operand)) throw invalidPattern("Value of numeric must be an array.");
    return numeric(operand);
  },
  exists: (operand) => {
    if (typeof operand !== "boolean") throw invalidPattern("exists match pattern must be either true or false.");
    return operand ? () => true : "absent";
  },
  cidr: (operand) => {
    // The name of the wrong operator is what EventBridge itself says here.
    if (!isString(operand)) throw invalidPattern("prefix match pattern must be a string");
    return cidr(operand);
  },
};

/** Names that stand for operators, and so cannot be field names inside `$or`. */
export const OPERATOR_NAMES: ReadonlySet<string> = new Set(Object.keys(OPERATORS));

function onString(test: (value: string) => boolean): LeafTest {
  return (value) => isString(value) && test(value);
}

function equalsIgnoreCase(text: string): LeafTest {
  const wanted = text.toLowerCase();
  return onString((value) => value.toLowerCase() === wanted);
}

function affix(name: "prefix" | "suffix", operand: unknown): LeafTest {
  const test = (value: string, text: string) => (name === "prefix" ? value.startsWith(text) : value.endsWith(text));
  if (isString(operand)) return onString((value) => test(value, operand));
  const text = isObject(operand) ? operand["equals-ignore-case"] : undefined;
  if (!isString(text) || Object.keys(operand as object).length > 1)
    throw invalidPattern(`${name} match pattern must be a string`);
  return onString((value) => test(value.toLowerCase(), text.toLowerCase()));
}

function anythingBut(operand: unknown): LeafTest {
  if (isObject(operand)) return not(anythingButOperator(operand));
  if (isString(operand) || isNumber(operand)) return (value) => value !== operand;
  if (!Array.isArray(operand))
    throw invalidPattern("Value of anything-but must be an array or single string/number value.");
  if (!operand.every((value) => isString(value) || isNumber(value)))
    throw invalidPattern("Inside anything but list, start|null|boolean is not supported.");
  if (!(operand.length > 0 && (operand.every(isString) || operand.every(isNumber))))
    throw invalidPattern(
      "Inside anything but list, either all values are number or string, mixed type is not supported",
    );
  const excluded = new Set<unknown>(operand);
  return (value) => !excluded.has(value);
}

/** What `anything-but` excludes when it holds another operator: any of its texts. */
function anythingButOperator(expression: Record<string, unknown>): LeafTest {
  const [name = "", ...others] = Object.keys(expression);
  if (!["prefix", "suffix", "wildcard", "equals-ignore-case"].includes(name))
    throw invalidPattern(name ? `Unsupported anything-but pattern: ${name}` : "Anything-But expression name not found");
  if (others.length > 0) throw invalidPattern("Only one key allowed in match expression");
  const operand = expression[name];
  const texts = Array.isArray(operand) ? operand : [operand];
  for (const text of texts) if (!isString(text)) throw invalidPattern(wrongText(name, operand));
  if ((name === "prefix" || name === "suffix") && texts.some((text) => text === ""))
    throw invalidPattern("Null prefix/suffix not allowed");
  if (texts.length === 0) throw invalidPattern("Empty arrays are not allowed");
  const tests = texts.map((text) => OPERATORS[name]?.(text) as LeafTest);
  return (value) => tests.some((test) => test(value));
}

function wrongText(name: string, operand: unknown): string {
  if (Array.isArray(operand) || (name === "equals-ignore-case" && isNumber(operand)))
    return `Inside anything-but/${name} list, number|start|null|boolean is not supported.`;
  if (name === "equals-ignore-case") return "Value of anything-but must be an array or single string/number value.";
  return `${name === "wildcard" ? "wildcard" : "prefix/suffix"} match pattern must be a string`;
}

function not(test: LeafTest): LeafTest {
  return (value) => !test(value);
}

function numeric(terms: readonly unknown[]): LeafTest {
  const [operator, first, second, last] = terms;
  if (!isString(operator)) throw invalidPattern(`Invalid member in numeric match: ${String(operator ?? "]")}`);
  if (!["=", "<", "<=", ">", ">="].includes(operator))
    throw invalidPattern(`Unrecognized numeric range operator: ${operator}`);
  const bound = checkedNumber(operator === "=" ? "equals" : operator, first);
  if (terms.length === 2) return compare(operator, bound);
  if (operator !== ">" && operator !== ">=") throw invalidPattern("Too many elements in numeric expression");
  if (!isString(second)) throw invalidPattern(`Bad value in numeric range: ${String(second)}`);
  if (second !== "<" && second !== "<=") throw invalidPattern(`Bad numeric range operator: ${second}`);
  const top = checkedNumber(second, last);
  if (terms.length > 4) throw invalidPattern("Too many terms in numeric range expression");
  if (bound >= top) throw invalidPattern("Bottom must be less than top");
  const [above, below] = [compare(operator, bound), compare(second, top)];
  return (value) => above(value) && below(value);
}

function checkedNumber(operator: string, value: unknown): number {
  if (!isNumber(value)) throw invalidPattern(`Value of ${operator} must be numeric`);
  if (Math.abs(value) > LARGEST_NUMBER) throw invalidPattern("Value must be between -5.0E9 and 5.0E9, inclusive");
  return value;
}

function compare(operator: string, bound: number): LeafTest {
  const tests: Record<string, (value: number) => boolean> = {
    "=": (value) => value === bound,
    "<": (value) => value < bound,
    "<=": (value) => value <= bound,
    ">": (value) => value > bound,
    ">=": (value) => value >= bound,
  };
  const test = tests[operator];
  return (value) => isNumber(value) && test?.(value) === true;
}

function cidr(text: string): LeafTest {
  const parts = text.split("/");
  const [address = "", bits = ""] = parts;
  if (parts.length !== 2) throw invalidPattern("Malformed CIDR, one '/' required");
  if (!/^\d+$/.test(bits)) throw invalidPattern("Malformed CIDR, mask bits must be an integer");
  const network = parseAddress(address);
  if (!network) throw invalidPattern(`Nonstandard IP address: ${address}`);
  const widest = network.kind() === "ipv4" ? 32 : 128;
  if (Number(bits) > widest) throw invalidPattern(`Malformed CIDR, mask bits must be at most ${widest}`);
  return onString((value) => {
    const candidate = parseAddress(value);
    return candidate?.kind() === network.kind() && candidate.match(network, Number(bits));
  });
}

function parseAddress(text: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  if (ipaddr.IPv4.isValidFourPartDecimal(text) || ipaddr.IPv6.isValid(text)) return ipaddr.parse(text);
  return undefined;
}
