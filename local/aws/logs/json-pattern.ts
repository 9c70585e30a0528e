import { wildcard } from "../iam/wildcard.ts";
import { AwsError } from "../kernel/errors.ts";
import { type Matcher, regularExpression } from "./matcher.ts";

type Test = (root: unknown) => boolean;
type Path = readonly (string | number)[];

const TOKEN =
  /\s*(\$(?:\.[\w-]+|\.\*|\[(?:\d+|\*|"[^"]*"|'[^']*')\])*|&&|\|\||[(){}]|!=|<=|>=|[=<>]|"(?:[^"\\]|\\.)*"|%(?:[^%\\]|\\.)+%|[^\s(){}=<>!&|]+)/y;

/**
 * Reads a JSON filter pattern such as `{ $.level = "ERROR" && ($.ms > 100 || $.retry IS TRUE) }`.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html#metric-filters-extract-json
 * @throws AwsError `InvalidParameterException` naming the place that cannot be read
 */
export function jsonPattern(source: string): Matcher {
  const tokens = tokenize(source);
  let at = 0;
  const peek = () => tokens[at];
  const take = (wanted?: string): string => {
    const token = tokens[at];
    if (token === undefined || (wanted !== undefined && token !== wanted))
      throw invalid(source, `expected ${wanted ?? "more"} but found ${token ?? "the end"}`);
    at += 1;
    return token;
  };

  const either = (): Test => {
    const parts = [both()];
    while (peek() === "||") {
      take();
      parts.push(both());
    }
    return (root) => parts.some((part) => part(root));
  };
  const both = (): Test => {
    const parts = [single()];
    while (peek() === "&&") {
      take();
      parts.push(single());
    }
    return (root) => parts.every((part) => part(root));
  };
  const single = (): Test => {
    if (peek() === "(") {
      take();
      const inner = either();
      take(")");
      return inner;
    }
    const path = parsePath(source, take());
    const operator = take();
    if (/^(IS|NOT)$/i.test(operator)) return special(source, path, `${operator} ${take()}`.toUpperCase());
    return comparison(source, path, operator, take());
  };

  take("{");
  const test = either();
  take("}");
  if (peek() !== undefined) throw invalid(source, `unexpected ${peek()}`);
  return (message) => {
    const root = parseLine(message);
    return root !== undefined && test(root);
  };
}

function tokenize(source: string): string[] {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  while (source.slice(TOKEN.lastIndex).trim() !== "") {
    const from = TOKEN.lastIndex;
    const match = TOKEN.exec(source);
    if (!match?.[1]) throw invalid(source, `cannot read ${source.slice(from, from + 20)}`);
    tokens.push(match[1]);
  }
  return tokens;
}

function special(source: string, path: Path, phrase: string): Test {
  if (phrase === "NOT EXISTS") return (root) => valuesAt(root, path).length === 0;
  if (phrase === "IS NULL") return (root) => valuesAt(root, path).includes(null);
  if (phrase === "IS TRUE") return (root) => valuesAt(root, path).includes(true);
  if (phrase === "IS FALSE") return (root) => valuesAt(root, path).includes(false);
  throw invalid(source, `unknown operator ${phrase}`);
}

function comparison(source: string, path: Path, operator: string, operand: string): Test {
  const compare = comparator(source, operator, operand);
  return (root) => valuesAt(root, path).some(compare);
}

function comparator(source: string, operator: string, operand: string): (value: unknown) => boolean {
  if (operator === "=") return equality(operand);
  if (operator === "!=") {
    const equal = equality(operand);
    return (value) => !equal(value);
  }
  const bound = Number(operand);
  if (Number.isNaN(bound)) throw invalid(source, `${operator} needs a number, not ${operand}`);
  if (operator === ">") return (value) => typeof value === "number" && value > bound;
  if (operator === ">=") return (value) => typeof value === "number" && value >= bound;
  if (operator === "<") return (value) => typeof value === "number" && value < bound;
  if (operator === "<=") return (value) => typeof value === "number" && value <= bound;
  throw invalid(source, `unknown operator ${operator}`);
}

function equality(operand: string): (value: unknown) => boolean {
  if (operand.startsWith("%")) {
    const matches = regularExpression(operand.slice(1, -1));
    return (value) => typeof value === "string" && matches(value);
  }
  const quoted = operand.startsWith('"');
  const text = quoted ? operand.slice(1, -1).replace(/\\(.)/g, "$1") : operand;
  const number = quoted ? Number.NaN : Number(text);
  return (value) => {
    if (typeof value === "number" && !Number.isNaN(number)) return value === number;
    return (typeof value === "string" || typeof value === "number") && wildcard(text, String(value));
  };
}

function parsePath(source: string, token: string): Path {
  if (!token.startsWith("$")) throw invalid(source, `a selector begins with $, not ${token}`);
  return [...token.matchAll(/\.([\w-]+|\*)|\[(\d+|\*)\]|\[["']([^"']*)["']\]/g)].map(([, name, index, quoted]) =>
    index !== undefined && index !== "*" ? Number(index) : (name ?? quoted ?? "*"),
  );
}

function valuesAt(root: unknown, path: Path): unknown[] {
  return path.reduce<unknown[]>(
    (values, part) =>
      values.flatMap((value) => {
        if (typeof value !== "object" || value === null) return [];
        if (part === "*") return Object.values(value);
        return Object.hasOwn(value, part) ? [(value as Record<string | number, unknown>)[part]] : [];
      }),
    [root],
  );
}

function parseLine(message: string): unknown {
  if (!message.trimStart().startsWith("{")) return undefined;
  try {
    return JSON.parse(message);
  } catch {
    return undefined;
  }
}

function invalid(pattern: string, problem: string): AwsError {
  return new AwsError("InvalidParameterException", `Invalid filter pattern ${pattern}: ${problem}.`);
}
