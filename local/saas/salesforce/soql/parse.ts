import { type Condition, parseQuery, type Query, type WhereClause } from "@jetstreamapp/soql-parser-js";
import { malformedQuery, notEmulated } from "../errors.ts";

/** A WHERE clause with its real precedence: the parser gives a flat list with counted parentheses. */
export type Predicate =
  | { readonly kind: "and" | "or"; readonly terms: readonly Predicate[] }
  | { readonly kind: "not"; readonly term: Predicate }
  | {
      readonly kind: "compare";
      readonly field: string;
      readonly operator: string;
      readonly operands: readonly Operand[];
    };

/** A literal as written, with its kind. */
export interface Operand {
  readonly type: string;
  readonly text: string;
}

type Token = "(" | ")" | "AND" | "OR" | "NOT" | Extract<Predicate, { kind: "compare" }>;

/**
 * Parses SOQL.
 * @throws SalesforceError `MALFORMED_QUERY` for text that is no SOQL, `NOT_EMULATED` for SOQL beyond the emulator
 */
export function parseSoql(text: string): Query {
  let query: Query;
  try {
    query = parseQuery(text);
  } catch (error) {
    throw malformedQuery(
      error instanceof Error ? (error.message.split("\n")[0] ?? "unexpected token") : "unexpected token",
    );
  }
  const unsupported = ["groupBy", "having", "withDataCategory", "for", "update", "usingScope", "sObjectAlias"] as const;
  for (const clause of unsupported) if (query[clause as keyof Query]) throw notEmulated(`SOQL with ${clause}`);
  return query;
}

/**
 * Rebuilds the tree of a WHERE clause; `text` is the whole query.
 * @throws SalesforceError `MALFORMED_QUERY` when AND and OR are mixed without parentheses, as Salesforce refuses it
 */
export function toPredicate(where: WhereClause, text: string): Predicate {
  const tokens = tokenize(where);
  // The parser drops the innermost of three NOTs in a row: better no answer than a wrong one.
  if (tokens.filter((token) => token === "NOT").length !== countNots(text)) throw notEmulated("NOT of NOT of NOT");
  let position = 0;
  const peek = () => tokens[position];

  function expression(): Predicate {
    const terms = [factor()];
    let joint: "AND" | "OR" | undefined;
    for (let next = peek(); next === "AND" || next === "OR"; next = peek()) {
      if (joint && joint !== next) throw malformedQuery(`unexpected token: '${next}'`);
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

function countNots(text: string): number {
  const withoutTexts = text.replace(/'(?:[^'\\]|\\.)*'/g, "''");
  return (withoutTexts.match(/\bNOT\b(?!\s+IN\b)/gi) ?? []).length;
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

function toComparison(condition: Condition): Extract<Predicate, { kind: "compare" }> {
  if (!("field" in condition) || !("operator" in condition)) throw notEmulated("functions in a WHERE clause");
  if ("valueQuery" in condition) throw notEmulated("semi-joins");
  const operator = condition.operator.toUpperCase();
  const values = "value" in condition ? [condition.value].flat() : [];
  const types = "literalType" in condition ? [condition.literalType].flat() : [];
  const operands = values.map((value, index) => ({
    type: String(types[index] ?? types[0] ?? "STRING"),
    text: String(value),
  }));
  return { kind: "compare", field: condition.field, operator, operands };
}
