import { type Condition, parseQuery, type Query, type Subquery, type WhereClause } from "@jetstreamapp/soql-parser-js";
import { malformedQuery, notEmulated, type SalesforceError } from "../errors.ts";
import { errorAt } from "./position.ts";

/** What a condition compares: a field, or a function of one, such as `COUNT(Id)`. */
export interface Term {
  readonly field: string;
  /** Upper case; absent for a plain field. */
  readonly fn?: string;
}

/** One condition; `operands` are its literals, `query` is that of a semi-join. */
export interface Comparison {
  readonly kind: "compare";
  readonly term: Term;
  readonly operator: string;
  readonly operands: readonly Operand[];
  readonly query?: Query;
}

/** A WHERE or HAVING clause with its real precedence: the parser gives a flat list with counted parentheses. */
export type Predicate =
  | { readonly kind: "and" | "or"; readonly terms: readonly Predicate[] }
  | { readonly kind: "not"; readonly term: Predicate }
  | Comparison;

/** A literal as written, with its kind. */
export interface Operand {
  readonly type: string;
  readonly text: string;
}

type Token = "(" | ")" | "AND" | "OR" | "NOT" | Comparison;

const UNSUPPORTED = [
  "withDataCategory",
  "for",
  "update",
  "usingScope",
  "sObjectAlias",
  "withSecurityEnforced",
] as const;

/**
 * Parses SOQL.
 * @throws SalesforceError `MALFORMED_QUERY` for text that is no SOQL, `NOT_EMULATED` for SOQL beyond the emulator
 */
export function parseSoql(text: string): Query {
  const query = parse(text);
  assertSupported(query);
  return query;
}

/** @throws SalesforceError `NOT_EMULATED` that names the clause */
export function assertSupported(query: Query | Subquery): void {
  for (const clause of UNSUPPORTED) if (query[clause as keyof typeof query]) throw notEmulated(`SOQL with ${clause}`);
}

/**
 * Rebuilds the tree of a WHERE or HAVING clause; `text` is the whole query.
 * @throws SalesforceError `MALFORMED_QUERY` when AND and OR are mixed without parentheses, as Salesforce refuses it
 */
export function toPredicate(where: WhereClause, text: string): Predicate {
  return buildTree(tokenize(where), text);
}

/**
 * @throws SalesforceError `NOT_EMULATED` for three NOTs in a row: the parser drops the innermost, and no answer is
 * better than a wrong one
 */
export function assertNots(wheres: readonly WhereClause[], text: string): void {
  const withoutTexts = text.replace(/'(?:[^'\\]|\\.)*'/g, "''");
  const written = (withoutTexts.match(/\bNOT\b(?!\s+IN\b)/gi) ?? []).length;
  const parsed = wheres.flatMap(tokenize).filter((token) => token === "NOT").length;
  if (written !== parsed) throw notEmulated("NOT of NOT of NOT");
}

/** All WHERE and HAVING clauses of a query, those of its subqueries and semi-joins too. */
export function clausesOf(query: Query | Subquery): WhereClause[] {
  const own = [query.where, query.having as WhereClause | undefined].filter((clause) => clause !== undefined);
  const joined = own
    .flatMap(tokenize)
    .flatMap((token) => (typeof token === "object" && token.query ? [token.query] : []));
  const children = (query.fields ?? []).flatMap((field) => (field.type === "FieldSubquery" ? [field.subquery] : []));
  return [...own, ...[...joined, ...children].flatMap(clausesOf)];
}

function parse(text: string): Query {
  try {
    return parseQuery(text);
  } catch (error) {
    throw unexpectedToken(text, error);
  }
}

/** The parser's exception in Salesforce's words: what it found, and where. */
function unexpectedToken(text: string, error: unknown): SalesforceError {
  const token = (error as { token?: { image?: string; startOffset?: number } }).token;
  const offset = token?.startOffset;
  if (offset === undefined || Number.isNaN(offset))
    return errorAt(text, text.trimEnd().length, "MALFORMED_QUERY", "unexpected token: '<EOF>'");
  return errorAt(text, offset, "MALFORMED_QUERY", `unexpected token: '${token?.image ?? ""}'`);
}

function buildTree(tokens: readonly Token[], text: string): Predicate {
  let position = 0;

  function expression(): Predicate {
    const terms = [factor()];
    let joint: "AND" | "OR" | undefined;
    for (let next = tokens[position]; next === "AND" || next === "OR"; next = tokens[position]) {
      if (joint && joint !== next) throw mixed(text, joint, next);
      joint = next;
      position += 1;
      terms.push(factor());
    }
    const [only] = terms;
    return joint || !only ? { kind: joint === "OR" ? "or" : "and", terms } : only;
  }

  function factor(): Predicate {
    const token = tokens[position];
    position += 1;
    if (token === "NOT") return { kind: "not", term: factor() };
    if (token === "(") {
      const inner = expression();
      if (tokens[position] !== ")") throw malformedQuery("expecting a right parentheses, found nothing");
      position += 1;
      return inner;
    }
    if (token === undefined || typeof token === "string")
      throw malformedQuery(`unexpected token: '${token ?? "<EOF>"}'`);
    return token;
  }

  const predicate = expression();
  if (position < tokens.length) throw malformedQuery(`unexpected token: '${String(tokens[position])}'`);
  return predicate;
}

function mixed(text: string, joint: string, next: string): SalesforceError {
  const blanked = text.replace(/'(?:[^'\\]|\\.)*'/g, (literal) => " ".repeat(literal.length));
  const first = blanked.search(new RegExp(`\\b${joint}\\b`, "i"));
  const second = blanked.slice(Math.max(0, first)).search(new RegExp(`\\b${next}\\b`, "i"));
  return errorAt(text, Math.max(0, first) + Math.max(0, second), "MALFORMED_QUERY", `unexpected token: '${next}'`);
}

function tokenize(where: WhereClause): Token[] {
  const tokens: Token[] = [];
  for (let clause: WhereClause | undefined = where; clause; clause = "right" in clause ? clause.right : undefined) {
    const { left } = clause;
    const isNegation = "operator" in clause && clause.operator === "NOT";
    for (let count = 0; count < (left?.openParen ?? 0); count += 1) tokens.push("(");
    if (!isNegation) tokens.push(toComparison(left as Condition));
    const closing = left && "closeParen" in left ? (left.closeParen ?? 0) : 0;
    for (let count = 0; count < closing; count += 1) tokens.push(")");
    if ("operator" in clause && clause.operator) tokens.push(clause.operator as "AND" | "OR" | "NOT");
  }
  return tokens;
}

function toComparison(condition: Condition): Comparison {
  if (!("operator" in condition)) throw malformedQuery("unexpected token in the WHERE clause");
  const operator = condition.operator.toUpperCase();
  const query = "valueQuery" in condition ? condition.valueQuery : undefined;
  const values = "value" in condition ? [condition.value].flat() : [];
  const types = "literalType" in condition ? [condition.literalType].flat() : [];
  const operands = values.map((value, index) => ({
    type: String(types[index] ?? types[0] ?? "STRING"),
    text: String(value),
  }));
  return { kind: "compare", term: termOf(condition), operator, operands, ...(query ? { query } : {}) };
}

function termOf(condition: Condition): Term {
  if ("fn" in condition && condition.fn) {
    const { functionName = "", parameters = [] } = condition.fn;
    return { fn: functionName.toUpperCase(), field: String(parameters[0] ?? "") };
  }
  if (!("field" in condition)) throw notEmulated("this kind of condition");
  return { field: condition.field };
}
