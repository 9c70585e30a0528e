import { approximate } from "./exact-json.ts";
import type { Leaf, LeafMember } from "./operators.ts";

/** A condition on the leaves at one path. */
export interface FieldCondition {
  readonly path: string;
  readonly members: readonly LeafMember[];
}

/** All fields must hold, and of every `$or` one alternative. */
export interface Conjunction {
  readonly fields: readonly FieldCondition[];
  readonly ors: readonly (readonly Conjunction[])[];
}

/** Which element of which array a leaf lies in: array number to index. */
type Membership = ReadonlyMap<number, number>;

interface EventLeaf {
  readonly value: Leaf;
  readonly membership: Membership;
}

/** An event as its leaves, by path; made once and matched against many patterns. */
export type FlatEvent = ReadonlyMap<string, readonly EventLeaf[]>;

const NOWHERE: Membership = new Map();

/** Takes an event apart: keys are joined with dots, arrays vanish from the paths. */
export function flattenEvent(event: unknown): FlatEvent {
  const leaves = new Map<string, EventLeaf[]>();
  let arrays = 0;
  const visit = (member: unknown, path: string, membership: Membership): void => {
    const value = approximate(member);
    if (Array.isArray(value)) {
      const array = arrays;
      arrays += 1;
      for (const [index, element] of value.entries()) visit(element, path, new Map(membership).set(array, index));
    } else if (value !== null && typeof value === "object") {
      for (const [key, member] of Object.entries(value)) visit(member, path ? `${path}.${key}` : key, membership);
    } else {
      const leaf = { value: value as Leaf, membership };
      const present = leaves.get(path);
      if (present) present.push(leaf);
      else leaves.set(path, [leaf]);
    }
  };
  visit(event, "", NOWHERE);
  return leaves;
}

/**
 * Matches array-consistently: no two fields may be satisfied by different elements of the same array.
 * https://github.com/aws/event-ruler#rules-and-arrays
 */
export function matchConjunction(conjunction: Conjunction, event: FlatEvent): boolean {
  return solve(conjunction.fields, conjunction.ors, event, NOWHERE);
}

/** Backtracks over the leaves that satisfy each field, then over the alternatives of each `$or`. */
function solve(
  fields: Conjunction["fields"],
  ors: Conjunction["ors"],
  event: FlatEvent,
  membership: Membership,
): boolean {
  const [field, ...otherFields] = fields;
  if (field) return solveField(field, event, membership, (next) => solve(otherFields, ors, event, next));
  const [alternatives, ...otherOrs] = ors;
  if (!alternatives) return true;
  return alternatives.some((alternative) =>
    solve(alternative.fields, [...alternative.ors, ...otherOrs], event, membership),
  );
}

function solveField(
  { path, members }: FieldCondition,
  event: FlatEvent,
  membership: Membership,
  solveRest: (membership: Membership) => boolean,
): boolean {
  const reachable: { value: Leaf; merged: Membership }[] = [];
  for (const { value, membership: own } of event.get(path) ?? []) {
    const merged = merge(membership, own);
    if (merged) reachable.push({ value, merged });
  }
  if (reachable.length === 0) return members.includes("absent") && solveRest(membership);
  return reachable.some(
    ({ value, merged }) => members.some((member) => member !== "absent" && member(value)) && solveRest(merged),
  );
}

/** Both memberships together, or `undefined` when they name different elements of one array. */
function merge(a: Membership, b: Membership): Membership | undefined {
  if (b.size === 0) return a;
  const merged = new Map(a);
  for (const [array, index] of b) {
    if (merged.get(array) !== undefined && merged.get(array) !== index) return undefined;
    merged.set(array, index);
  }
  return merged;
}
