import { AwsError } from "../../kernel/errors.ts";

export interface Token {
  readonly kind: "word" | "string" | "number" | "symbol" | "end";
  readonly text: string;
  readonly at: number;
}

const TOKEN =
  /\s*(?:(?<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?<number>-?\d+(?:\.\d+)?)|(?<word>[A-Za-z_][\w-]*(?:\.[\w-]+)*)|(?<symbol>!=|<=|>=|[=<>!(){}[\],:]))/y;

/** @throws AwsError `InvalidRequestException` at the first character that is no part of the language */
export function tokenize(expression: string): Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  for (let at = 0; expression.slice(at).trim() !== ""; at = TOKEN.lastIndex) {
    const groups = TOKEN.exec(expression)?.groups;
    if (!groups) throw invalidFilter(expression, at, "this is no part of a filter expression");
    const { string, number, word, symbol } = groups;
    if (string !== undefined) tokens.push({ kind: "string", text: string.slice(1, -1).replace(/\\(.)/g, "$1"), at });
    else if (number !== undefined) tokens.push({ kind: "number", text: number, at });
    else if (word !== undefined) tokens.push({ kind: "word", text: word, at });
    else tokens.push({ kind: "symbol", text: symbol ?? "", at });
  }
  tokens.push({ kind: "end", text: "", at: expression.length });
  return tokens;
}

export function invalidFilter(expression: string, at: number, problem: string): AwsError {
  return new AwsError(
    "InvalidRequestException",
    `The filter expression is not valid at '${expression.slice(at).trim() || "its end"}': ${problem}.`,
  );
}
