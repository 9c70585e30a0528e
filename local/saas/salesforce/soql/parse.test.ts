import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { type Predicate, toPredicate } from "./parse.ts";
import { readQuery } from "./run.ts";

type Tree = { kind: "and" | "or"; terms: Tree[] } | { kind: "not"; term: Tree } | { kind: "leaf"; name: string };

const tree = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.record({ kind: fc.constant("leaf" as const), name: fc.constantFrom("a", "b", "c", "d") }),
    fc.record({
      kind: fc.constantFrom("and" as const, "or" as const),
      terms: fc.array(tie("tree"), { minLength: 2, maxLength: 3 }),
    }),
    fc.record({ kind: fc.constant("not" as const), term: tie("tree") }),
  ),
})).tree;

function write(node: Tree): string {
  if (node.kind === "leaf") return `${node.name} = 'x'`;
  if (node.kind === "not") return `NOT (${write(node.term)})`;
  return node.terms.map((term) => `(${write(term)})`).join(node.kind === "and" ? " AND " : " OR ");
}

function meaning(node: Tree, facts: Record<string, boolean>): boolean {
  if (node.kind === "leaf") return facts[node.name] ?? false;
  if (node.kind === "not") return !meaning(node.term, facts);
  const values = node.terms.map((term) => meaning(term, facts));
  return node.kind === "and" ? values.every(Boolean) : values.some(Boolean);
}

function evaluate(node: Predicate, facts: Record<string, boolean>): boolean {
  if (node.kind === "compare") return facts[node.term.field] ?? false;
  if (node.kind === "not") return !evaluate(node.term, facts);
  const values = node.terms.map((term) => evaluate(term, facts));
  return node.kind === "and" ? values.every(Boolean) : values.some(Boolean);
}

/** Three NOTs with nothing but parentheses between them. */
function hasTripleNot(node: Tree, depth = 0): boolean {
  if (node.kind === "leaf") return false;
  if (node.kind === "not") return depth === 2 || hasTripleNot(node.term, depth + 1);
  return node.terms.some((term, index) => hasTripleNot(term, index === 0 ? depth : 0));
}

function predicateOf(clause: string): Predicate {
  const text = `SELECT Id FROM Account WHERE ${clause}`;

  const { where } = readQuery(text);
  if (!where) throw new Error("no WHERE clause");
  return toPredicate(where, text);
}

test("three NOTs in a row, of which the parser loses one, are refused", () => {
  for (const clause of ["NOT (NOT (NOT (a = 'x')))", "NOT NOT NOT a = 'x'"])
    expect(() => predicateOf(clause)).toThrow("NOT of NOT of NOT");
  expect(() => predicateOf("NOT (NOT (a = ' NOT '))")).not.toThrow();
});

test("a predicate means what the written clause means, whatever its parentheses", () => {
  const facts = fc.record({ a: fc.boolean(), b: fc.boolean(), c: fc.boolean(), d: fc.boolean() });
  fc.assert(
    fc.property(tree, facts, (node, given) => {
      fc.pre(!hasTripleNot(node));
      expect(evaluate(predicateOf(write(node)), given)).toBe(meaning(node, given));
    }),
    { numRuns: 300 },
  );
});
