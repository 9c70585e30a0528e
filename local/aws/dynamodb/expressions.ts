import { linearParser, type Parser } from "./parser.ts";

/** https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html#limits-expression-parameters */
const MAX_BYTES = 4096;
const MAX_OPERATORS = 300;
/** A parenthesis that is not redundant belongs to an operator or to one of its operands. */
const MAX_DEPTH = 2 * MAX_OPERATORS;

/** Comparisons, keywords and functions; AND and OR do not count. https://github.com/scylladb/scylladb/issues/14473 */
const CONDITION_OPERATORS = /<>|<=|>=|[<>=]|\b(?:between|in|not)\b|\b(?!(?:and|or|not|in)\b)[a-z_]\w*(?=\s*\()/gi;
const UPDATE_OPERATORS = /[+-]|[a-z_]\w*(?=\s*\()/gi;

/** Sizes and counts that DynamoDB refuses, in its words, before anything is parsed. @throws Error that names the limit */
function checkSize(text: string, operators?: RegExp): void {
  const size = Buffer.byteLength(text);
  if (size > MAX_BYTES)
    throw new Error(`Expression size has exceeded the maximum allowed size; expression size: ${size}`);
  if (!operators) return;
  const count = text.match(operators)?.length ?? 0;
  if (count > MAX_OPERATORS) throw new Error(`The expression contains too many operators; operator count: ${count}`);
  if (depthOf(text) > MAX_DEPTH) throw new Error("The expression has redundant parentheses;");
}

/** The parsers of dynalite within the limits of DynamoDB, by the file that they stand in for. */
export function cappedParsers(projection: Parser): Readonly<Record<string, Parser>> {
  return {
    conditionParser: capped(linearParser("conditionParser"), CONDITION_OPERATORS),
    updateParser: capped(linearParser("updateParser"), UPDATE_OPERATORS),
    projectionParser: capped(projection),
  };
}

function capped(parser: Parser, operators?: RegExp): Parser {
  return {
    parse(text, options) {
      checkSize(text, operators);
      return parser.parse(text, options);
    },
  };
}

function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (const character of text) {
    if (character === "(") deepest = Math.max(deepest, ++depth);
    else if (character === ")") depth -= 1;
  }
  return deepest;
}
