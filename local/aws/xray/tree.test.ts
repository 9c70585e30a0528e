import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import type { SegmentDocument } from "../kernel/service.ts";
import { allNodes, type TraceNode, traceTree } from "./tree.ts";

const TRACE = "1-5759e988-bd862e3fe1be46a994272793";

function segment(id: string, parent?: string, rest: object = {}): SegmentDocument {
  return {
    name: id,
    id,
    trace_id: TRACE,
    start_time: 1,
    end_time: 2,
    ...(parent ? { parent_id: parent } : {}),
    ...rest,
  };
}
const ids = (nodes: readonly TraceNode[]) => nodes.map(({ id }) => id);

describe("a trace tree", () => {
  test("hangs segments, nested subsegments and subsegments sent alone below their parents", () => {
    const nested = {
      name: "call",
      id: "b1",
      start_time: 1,
      end_time: 2,
      subsegments: [{ name: "deep", id: "b2", start_time: 1, end_time: 2 }],
    };
    const tree = traceTree([segment("c", "b2"), segment("b", "a", { subsegments: [nested] }), segment("a")]);
    expect(ids(tree.roots)).toEqual(["a"]);
    expect(tree.orphans).toEqual([]);
    expect(ids(allNodes(tree))).toEqual(["a", "b", "b1", "b2", "c"]);
  });

  test("shows what lost its parent, once, with everything below it", () => {
    const tree = traceTree([segment("a"), segment("lost", "gone"), segment("below", "lost", { type: "subsegment" })]);
    expect([ids(tree.roots), ids(tree.orphans)]).toEqual([["a"], ["lost"]]);
    expect(ids(tree.orphans[0]?.children ?? [])).toEqual(["below"]);
  });

  test("orders children by their start", () => {
    const tree = traceTree([
      segment("a"),
      segment("late", "a", { start_time: 9 }),
      segment("early", "a", { start_time: 3 }),
    ]);
    expect(ids(tree.roots[0]?.children ?? [])).toEqual(["early", "late"]);
  });

  test("breaks circles", () => {
    const tree = traceTree([segment("x", "y"), segment("y", "x"), segment("self", "self")]);
    expect(ids(allNodes(tree)).sort()).toEqual(["self", "x", "y"]);
    expect(ids(tree.orphans).sort()).toEqual(["self", "x"]);
  });

  test("holds every document exactly once, in any order of arrival", () => {
    const document = fc.record({ id: fc.nat(12), parent: fc.option(fc.nat(15), { nil: undefined }) });
    fc.assert(
      fc.property(fc.uniqueArray(document, { selector: ({ id }) => id }), (drawn) => {
        const documents = drawn.map(({ id, parent }) =>
          segment(String(id), parent === undefined ? undefined : String(parent)),
        );
        const known = new Set(documents.map(({ id }) => id));
        const tree = traceTree(documents);
        expect(ids(allNodes(tree)).sort()).toEqual([...known].sort());
        expect(tree.roots.every(({ parentId }) => parentId === undefined)).toBe(true);
        const broken = documents.filter(({ parent_id }) => parent_id !== undefined && !known.has(parent_id));
        for (const { id } of broken) expect(ids(tree.orphans)).toContain(id);
        expect(ids(traceTree(documents.toReversed()).roots).sort()).toEqual(ids(tree.roots).sort());
      }),
    );
  });
});
