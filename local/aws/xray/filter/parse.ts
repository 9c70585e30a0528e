import { invalidFilter, type Token, tokenize } from "./tokens.ts";

export type Value = string | number | boolean;
export type Operator = "=" | "!=" | "<" | "<=" | ">" | ">=" | "CONTAINS" | "BEGINSWITH" | "ENDSWITH";

/** A filter expression, read. */
export type Expression =
  | { readonly kind: "and" | "or"; readonly left: Expression; readonly right: Expression }
  | { readonly kind: "not"; readonly inner: Expression }
  /** Without a comparison: the flag is set, or the annotation is there. */
  | { readonly kind: "keyword"; readonly name: string; readonly comparison?: Comparison }
  | { readonly kind: "annotation"; readonly key: string; readonly comparison?: Comparison }
  | { readonly kind: "service"; readonly name?: string; readonly type?: string; readonly inner?: Expression };

export interface Comparison {
  readonly operator: Operator;
  readonly value: Value;
}

const OPERATORS: readonly string[] = ["=", "!=", "<", "<=", ">", ">=", "CONTAINS", "BEGINSWITH", "ENDSWITH"];
const FLAGS = ["ok", "error", "throttle", "fault", "partial"];
const NUMBERS = ["responsetime", "duration", "http.status"];
const STRINGS = ["http.url", "http.method", "http.useragent", "http.clientip", "user", "name", "type"];

/**
 * Reads a filter expression.
 * https://docs.aws.amazon.com/xray/latest/devguide/xray-console-filters.html
 * @throws AwsError `InvalidRequestException` for broken syntax and for keywords that the twin does not know
 */
export function parseFilter(text: string): Expression {
  const parser = new Parser(text);
  const expression = parser.or();
  parser.end();
  return expression;
}

class Parser {
  readonly #text: string;
  readonly #tokens: readonly Token[];
  #index = 0;

  constructor(text: string) {
    this.#text = text;
    this.#tokens = tokenize(text);
  }

  or(): Expression {
    let left = this.#and();
    while (this.#takeWord("OR")) left = { kind: "or", left, right: this.#and() };
    return left;
  }

  end(): void {
    if (this.#next.kind !== "end") this.#fail("AND or OR was expected");
  }

  #and(): Expression {
    let left = this.#unary();
    while (this.#takeWord("AND")) left = { kind: "and", left, right: this.#unary() };
    return left;
  }

  #unary(): Expression {
    if (this.#take("!") || this.#takeWord("NOT")) return { kind: "not", inner: this.#unary() };
    if (!this.#take("(")) return this.#term();
    const inner = this.or();
    this.#expect(")");
    return inner;
  }

  #term(): Expression {
    const { kind, text } = this.#next;
    if (kind !== "word") return this.#fail("a keyword was expected");
    this.#index += 1;
    if (text === "service") return this.#service();
    if (text === "annotation") return this.#annotation(this.#bracketed());
    if (text.startsWith("annotation.")) return this.#annotation(text.slice("annotation.".length));
    if (![...FLAGS, ...NUMBERS, ...STRINGS].includes(text))
      return this.#fail(`the twin does not know the keyword '${text}'`, this.#index - 1);
    const comparison = this.#comparison();
    if (!comparison && !FLAGS.includes(text)) return this.#fail(`'${text}' must be compared with a value`);
    return { kind: "keyword", name: text, ...(comparison ? { comparison } : {}) };
  }

  #annotation(key: string): Expression {
    const comparison = this.#comparison();
    return { kind: "annotation", key, ...(comparison ? { comparison } : {}) };
  }

  #bracketed(): string {
    this.#expect("[");
    const { kind, text } = this.#next;
    if (kind !== "word" && kind !== "string") return this.#fail("an annotation key was expected");
    this.#index += 1;
    this.#expect("]");
    return text;
  }

  /** `service(…)` with an optional `{ filter }`; the argument is a name or `id(name: …, type: …)`. */
  #service(): Expression {
    this.#expect("(");
    const picked = this.#take(")") ? {} : this.#serviceArgument();
    if (!this.#take("{")) return { kind: "service", ...picked };
    const inner = this.or();
    this.#expect("}");
    return { kind: "service", ...picked, inner };
  }

  #serviceArgument(): { name?: string; type?: string } {
    const picked = this.#takeWord("id") ? this.#id() : { name: this.#string() };
    this.#expect(")");
    return picked;
  }

  #id(): { name?: string; type?: string } {
    const members: { name?: string; type?: string } = {};
    this.#expect("(");
    do {
      const member = this.#next.text;
      if (member !== "name" && member !== "type") return this.#fail("name or type was expected");
      this.#index += 1;
      this.#expect(":");
      members[member] = this.#string();
    } while (this.#take(","));
    this.#expect(")");
    return members;
  }

  #comparison(): Comparison | undefined {
    const { text, kind } = this.#next;
    const operator = kind === "word" ? text.toUpperCase() : text;
    if ((kind !== "symbol" && kind !== "word") || !OPERATORS.includes(operator)) return undefined;
    this.#index += 1;
    return { operator: operator as Operator, value: this.#value() };
  }

  #value(): Value {
    const { kind, text } = this.#next;
    if (kind === "string") return this.#string();
    this.#index += 1;
    if (kind === "number") return Number(text);
    if (kind === "word" && (text === "true" || text === "false")) return text === "true";
    return this.#fail("a value was expected", this.#index - 1);
  }

  #string(): string {
    const { kind, text } = this.#next;
    if (kind !== "string") return this.#fail("a string in quotes was expected");
    this.#index += 1;
    return text;
  }

  get #next(): Token {
    return this.#tokens[this.#index] ?? { kind: "end", text: "", at: this.#text.length };
  }

  #take(symbol: string): boolean {
    const found = this.#next.kind === "symbol" && this.#next.text === symbol;
    if (found) this.#index += 1;
    return found;
  }

  #takeWord(word: string): boolean {
    const found = this.#next.kind === "word" && this.#next.text.toUpperCase() === word.toUpperCase();
    if (found) this.#index += 1;
    return found;
  }

  #expect(symbol: string): void {
    if (!this.#take(symbol)) this.#fail(`'${symbol}' was expected`);
  }

  #fail(problem: string, index = this.#index): never {
    throw invalidFilter(this.#text, this.#tokens[index]?.at ?? this.#text.length, problem);
  }
}
