import type { SegmentDocument } from "../kernel/service.ts";

/** A segment or subsegment with what hangs below it. */
export interface TraceNode {
  readonly id: string;
  readonly parentId: string | undefined;
  /** As it was sent, nested subsegments included. */
  readonly document: SegmentDocument;
  /** In the order of their start. */
  readonly children: readonly TraceNode[];
}

export interface TraceTree {
  /** Nodes without a parent: where the trace began. */
  readonly roots: readonly TraceNode[];
  /** Nodes whose parent is not part of the trace: the trace is broken (or not complete yet) there. */
  readonly orphans: readonly TraceNode[];
}

interface Node extends TraceNode {
  readonly children: Node[];
}

/**
 * Puts the documents of one trace together, whatever order they came in: segments, subsegments sent alone, and the
 * subsegments nested in either. Every node is in the tree exactly once.
 */
export function traceTree(documents: readonly SegmentDocument[]): TraceTree {
  const nodes = new Map<string, Node>();
  for (const document of documents) collect(document, document.parent_id, nodes);
  const roots: Node[] = [];
  const orphans: Node[] = [];
  for (const node of nodes.values()) {
    const parent = node.parentId === undefined ? undefined : nodes.get(node.parentId);
    if (parent) parent.children.push(node);
    else (node.parentId === undefined ? roots : orphans).push(node);
  }
  orphans.push(...breakCircles(nodes, [...roots, ...orphans]));
  for (const node of nodes.values()) node.children.sort(byStart);
  return { roots: roots.sort(byStart), orphans: orphans.sort(byStart) };
}

/** Every node of a tree, parents before children. */
export function allNodes({ roots, orphans }: TraceTree): TraceNode[] {
  const below = (node: TraceNode): TraceNode[] => [node, ...node.children.flatMap(below)];
  return [...roots, ...orphans].flatMap(below);
}

function collect(document: SegmentDocument, parentId: string | undefined, nodes: Map<string, Node>): void {
  // The first document of an id wins; a nested copy of a subsegment that was also sent alone adds nothing.
  if (!nodes.has(document.id)) nodes.set(document.id, { id: document.id, parentId, document, children: [] });
  for (const nested of nestedOf(document)) collect(nested, document.id, nodes);
}

function nestedOf({ subsegments }: SegmentDocument): readonly SegmentDocument[] {
  return Array.isArray(subsegments) ? subsegments : [];
}

/** Nodes that are each other's ancestors are reachable from nowhere: the first of each circle becomes an orphan. */
function breakCircles(nodes: ReadonlyMap<string, Node>, tops: readonly Node[]): Node[] {
  const reached = new Set<Node>();
  const reach = (node: Node) => {
    if (reached.has(node)) return;
    reached.add(node);
    for (const child of node.children) reach(child);
  };
  for (const top of tops) reach(top);
  const broken: Node[] = [];
  for (const node of nodes.values()) {
    if (reached.has(node)) continue;
    const siblings = nodes.get(node.parentId ?? "")?.children;
    siblings?.splice(siblings.indexOf(node), 1);
    broken.push(node);
    reach(node);
  }
  return broken;
}

function byStart(a: TraceNode, b: TraceNode): number {
  return a.document.start_time - b.document.start_time;
}
