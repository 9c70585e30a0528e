/** The members of an X-Ray segment document that the tree needs. https://docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html */
export interface Segment {
  readonly id: string;
  readonly name: string;
  readonly start_time: number;
  readonly end_time?: number;
  readonly in_progress?: boolean;
  readonly parent_id?: string;
  readonly origin?: string;
  readonly namespace?: string;
  readonly fault?: boolean;
  readonly error?: boolean;
  readonly throttle?: boolean;
  readonly cause?: string | { readonly exceptions?: readonly { readonly type?: string; readonly message?: string }[] };
  readonly aws?: { readonly operation?: string };
  readonly http?: { readonly response?: { readonly status?: number } };
  readonly annotations?: Readonly<Record<string, string | number | boolean>>;
  readonly subsegments?: readonly Segment[];
}

export interface TraceNode {
  readonly segment: Segment;
  readonly children: TraceNode[];
}

export interface TraceTree {
  /** Segments without a parent. */
  readonly roots: readonly TraceNode[];
  /** Segments whose parent is nowhere in the trace. */
  readonly orphans: readonly TraceNode[];
  /** How many documents the trace has, subsegments inside other documents not counted. */
  readonly segments: number;
}

/** Joins the documents of one trace into a tree; children in the order they began. */
export function buildTree(documents: readonly Segment[]): TraceTree {
  const nodes = new Map<string, TraceNode>();
  const tops = documents.map((document) => addNode(document, nodes));
  const roots: TraceNode[] = [];
  const orphans: TraceNode[] = [];
  for (const node of tops) {
    const { parent_id } = node.segment;
    const parent = parent_id === undefined ? undefined : nodes.get(parent_id);
    if (parent) parent.children.push(node);
    else (parent_id === undefined ? roots : orphans).push(node);
  }
  for (const { children } of nodes.values()) children.sort((a, b) => a.segment.start_time - b.segment.start_time);
  return { roots, orphans, segments: documents.length };
}

function addNode(segment: Segment, nodes: Map<string, TraceNode>): TraceNode {
  const children = (segment.subsegments ?? []).map((child) => addNode(child, nodes));
  const node = { segment, children };
  nodes.set(segment.id, node);
  return node;
}

/** Every node of the tree, parents before children. */
export function* walk(nodes: readonly TraceNode[], depth = 0): Generator<{ node: TraceNode; depth: number }> {
  for (const node of nodes) {
    yield { node, depth };
    yield* walk(node.children, depth + 1);
  }
}
