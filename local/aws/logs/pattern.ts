import { AwsError } from "../kernel/errors.ts";
import { jsonPattern } from "./json-pattern.ts";
import { type Matcher, regularExpression } from "./matcher.ts";

const TERM = /([-?]?)(?:"((?:[^"\\]|\\.)*)"|%((?:[^%\\]|\\.)+)%|(\S+))/g;

/**
 * Reads a filter pattern: nothing (everything matches), terms (`ERROR "not found" ?a ?b -c %regular expression%`), or
 * a JSON pattern in braces. Space-delimited patterns in brackets are not supported.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
 * @throws AwsError `InvalidParameterException` when the pattern cannot be read
 */
export function parseFilterPattern(pattern: string | undefined): Matcher {
  const source = pattern?.trim() ?? "";
  if (source === "") return () => true;
  if (source.startsWith("{")) return jsonPattern(source);
  if (source.startsWith("["))
    throw new AwsError("InvalidParameterException", "The twin does not support space-delimited filter patterns.");
  return termPattern(source);
}

function termPattern(source: string): Matcher {
  const required: Matcher[] = [];
  const optional: Matcher[] = [];
  for (const [, sign, quoted, expression, plain] of source.matchAll(TERM)) {
    const test = term(quoted?.replace(/\\(.)/g, "$1") ?? plain ?? "", expression);
    if (sign === "?") optional.push(test);
    else required.push(sign === "-" ? (message) => !test(message) : test);
  }
  return (message) =>
    required.every((test) => test(message)) && (optional.length === 0 || optional.some((test) => test(message)));
}

function term(text: string, expression: string | undefined): Matcher {
  if (expression === undefined) return (message) => message.includes(text);
  return regularExpression(expression);
}
