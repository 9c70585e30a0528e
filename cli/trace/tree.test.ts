import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { buildTree, type Segment, type TraceNode, type TraceTree, walk } from "./tree.ts";

// https://docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html
function segment(id: string, parent?: string, rest: Partial<Segment> = {}): Segment {
  return { name: `name of ${id}`, id, start_time: 1, end_time: 2, ...(parent ? { parent_id: parent } : {}), ...rest };
}

const ids = (nodes: readonly TraceNode[]) => nodes.map((node) => node.segment.id);
const all = ({ roots, orphans }: TraceTree) => [...walk([...roots, ...orphans])].map(({ node }) => node.segment.id);
/** A tree as nested ids. */
const shape = (nodes: readonly TraceNode[]): unknown =>
  nodes.map((node) => [node.segment.id, node.segment.end_time, shape(node.children)]);
const shapeOf = ({ roots, orphans, segments }: TraceTree) => ({
  roots: shape(roots),
  orphans: shape(orphans),
  segments,
});

describe("a trace tree", () => {
  test("of nothing is empty", () => {
    expect(buildTree([])).toEqual({ roots: [], orphans: [], segments: 0 });
  });

  test("hangs segments, nested subsegments and subsegments sent alone below their parents", () => {
    const nested = segment("b1", undefined, { subsegments: [segment("b2")] });
    const tree = buildTree([segment("c", "b2"), segment("b", "a", { subsegments: [nested] }), segment("a")]);
    expect([ids(tree.roots), tree.orphans, tree.segments]).toEqual([["a"], [], 3]);
    expect([...walk(tree.roots)].map(({ node, depth }) => [node.segment.id, depth])).toEqual([
      ["a", 0],
      ["b", 1],
      ["b1", 2],
      ["b2", 3],
      ["c", 4],
    ]);
  });

  test("shows what lost its parent, once, with everything below it", () => {
    const tree = buildTree([segment("a"), segment("lost", "gone"), segment("below", "lost")]);
    expect([ids(tree.roots), ids(tree.orphans)]).toEqual([["a"], ["lost"]]);
    expect(ids(tree.orphans[0]?.children ?? [])).toEqual(["below"]);
  });

  test("orders roots, orphans and children by their start", () => {
    const at = (start_time: number) => ({ start_time });
    const tree = buildTree([
      ...[segment("root 2", undefined, at(8)), segment("root 1")],
      ...[segment("lost 2", "gone", at(7)), segment("lost 1", "gone", at(2))],
      ...[segment("late", "root 1", at(9)), segment("early", "root 1", at(3))],
    ]);
    expect(ids(tree.roots)).toEqual(["root 1", "root 2"]);
    expect(ids(tree.orphans)).toEqual(["lost 1", "lost 2"]);
    expect(ids(tree.roots[0]?.children ?? [])).toEqual(["early", "late"]);
  });

  test("holds a subsegment once that was sent alone and nested", () => {
    const twice = segment("b", "a", { subsegments: [segment("c")] });
    const tree = buildTree([segment("a", undefined, { subsegments: [twice] }), twice]);
    expect(all(tree)).toEqual(["a", "b", "c"]);
  });

  test.each([
    ["first", [0, 1]],
    ["last", [1, 0]],
  ])("prefers the finished document when it comes %s", (_when, order) => {
    const { end_time: _end, ...open } = segment("a");
    const both = [segment("a", undefined, { end_time: 5 }), { ...open, in_progress: true }];
    const tree = buildTree(order.flatMap((index) => both[index] ?? []));
    expect(shapeOf(tree)).toEqual({ roots: [["a", 5, []]], orphans: [], segments: 1 });
  });

  test("breaks circles at their first member", () => {
    const tree = buildTree([
      ...[segment("x", "y", { start_time: 3 }), segment("y", "x", { start_time: 2 })],
      ...[segment("tail", "x", { start_time: 1 }), segment("self", "self", { start_time: 9 })],
    ]);
    expect(ids(tree.orphans)).toEqual(["y", "self"]);
    expect(all(tree).sort()).toEqual(["self", "tail", "x", "y"]);
  });
});

/** Documents with parents that exist, are missing, or form circles; nested and sent twice; with equal starts. */
const trace = fc
  .uniqueArray(
    fc.record({
      id: fc.nat(12),
      parent: fc.option(fc.nat(15), { nil: undefined }),
      start: fc.nat(3),
      nested: fc.nat(2),
      open: fc.boolean(),
    }),
    { selector: ({ id }) => id },
  )
  .map((drawn) =>
    drawn.flatMap(({ id, parent, start, nested, open }) => {
      const name = `s${id}`;
      const inside = Array.from({ length: nested }, (_, index) => segment(`${name}-${index}`));
      const document = segment(name, parent === undefined ? undefined : `s${parent}`, {
        start_time: start,
        subsegments: inside,
      });
      const { end_time: _end, ...unfinished } = document;
      return open ? [document, { ...unfinished, in_progress: true }] : [document];
    }),
  );

describe("whatever the documents", () => {
  test("every segment and subsegment is in the tree exactly once", () => {
    fc.assert(
      fc.property(trace, (documents) => {
        const expected = documents.flatMap(({ id, subsegments = [] }) => [id, ...subsegments.map((one) => one.id)]);
        expect(all(buildTree(documents)).sort()).toEqual([...new Set(expected)].sort());
      }),
    );
  });

  test("roots have no parent, and what has no parent or lost it is on top", () => {
    fc.assert(
      fc.property(trace, (documents) => {
        const known = new Set(documents.map(({ id }) => id));
        const { roots, orphans } = buildTree(documents);
        const parentless = documents.filter(({ parent_id }) => parent_id === undefined).map(({ id }) => id);
        const lost = documents.filter(({ parent_id }) => parent_id && !known.has(parent_id)).map(({ id }) => id);
        expect(new Set(ids(roots))).toEqual(new Set(parentless));
        for (const id of lost) expect(ids(orphans)).toContain(id);
      }),
    );
  });

  test("their order makes no difference", () => {
    const shuffled = trace.chain((documents) =>
      fc.tuple(fc.constant(documents), fc.shuffledSubarray(documents, { minLength: documents.length })),
    );
    fc.assert(
      fc.property(shuffled, ([documents, others]) => {
        expect(shapeOf(buildTree(others))).toEqual(shapeOf(buildTree(documents)));
      }),
    );
  });
});
