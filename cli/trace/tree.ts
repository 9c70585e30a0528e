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
  readonly http?: {
    readonly request?: { readonly url?: string; readonly method?: string };
    readonly response?: { readonly status?: number };
  };
  readonly annotations?: Readonly<Record<string, string | number | boolean>>;
  readonly subsegments?: readonly Segment[];
}

/** What a document needs for its place in a tree; `subsegments` are of its own kind. */
interface Placed {
  readonly id: string;
  readonly start_time: number;
  readonly in_progress?: boolean;
  readonly parent_id?: string;
  readonly subsegments?: unknown;
}

/** A segment or subsegment with what hangs below it, in the order it began. */
export interface TraceNode<S extends Placed = Segment> {
  readonly segment: S;
  readonly children: readonly TraceNode<S>[];
}

export interface TraceTree<S extends Placed = Segment> {
  /** Segments without a parent. */
  readonly roots: readonly TraceNode<S>[];
  /** Segments whose parent is nowhere in the trace, and one of each circle. */
  readonly orphans: readonly TraceNode<S>[];
  /** How many documents the trace has, subsegments inside other documents not counted. */
  readonly segments: number;
}

interface Node<S extends Placed> extends TraceNode<S> {
  readonly parentId: string | undefined;
  readonly children: Node<S>[];
}

/**
 * Joins the documents of one trace into a tree, whatever order they came in. Every segment and subsegment is in it
 * exactly once: a subsegment may be sent alone and nested, and a segment unfinished and finished.
 */
export function buildTree<S extends Placed>(documents: readonly S[]): TraceTree<S> {
  const found = new Map<string, Node<S>>();
  for (const document of documents) collect(document, document.parent_id, found);
  const nodes = new Map([...found].sort(([, a], [, b]) => byStart(a, b)));
  const roots: Node<S>[] = [];
  const orphans: Node<S>[] = [];
  for (const node of nodes.values()) {
    const parent = nodes.get(node.parentId ?? "");
    if (parent) parent.children.push(node);
    else (node.parentId === undefined ? roots : orphans).push(node);
  }
  orphans.push(...breakCircles(nodes, [...roots, ...orphans]));
  return { roots, orphans: orphans.sort(byStart), segments: new Set(documents.map(({ id }) => id)).size };
}

/** Every node of the tree, parents before children. */
export function* walk<S extends Placed>(
  nodes: readonly TraceNode<S>[],
  depth = 0,
): Generator<{ node: TraceNode<S>; depth: number }> {
  for (const node of nodes) {
    yield { node, depth };
    yield* walk(node.children, depth + 1);
  }
}

function collect<S extends Placed>(segment: S, parentId: string | undefined, nodes: Map<string, Node<S>>): void {
  const known = nodes.get(segment.id);
  if (!known || (known.segment.in_progress && !segment.in_progress))
    nodes.set(segment.id, { segment, parentId, children: [] });
  const { subsegments } = segment;
  if (Array.isArray(subsegments)) for (const nested of subsegments as S[]) collect(nested, segment.id, nodes);
}

/** Nodes that are each other's ancestors hang below nothing: the first of each circle becomes an orphan. */
function breakCircles<S extends Placed>(nodes: ReadonlyMap<string, Node<S>>, tops: readonly Node<S>[]): Node<S>[] {
  const reached = new Set<TraceNode<S>>([...walk(tops)].map(({ node }) => node));
  const broken: Node<S>[] = [];
  for (const node of nodes.values()) {
    if (reached.has(node)) continue;
    const first = firstOfCircle(node, nodes);
    const siblings = nodes.get(first.parentId ?? "")?.children ?? [];
    siblings.splice(siblings.indexOf(first), 1);
    broken.push(first);
    for (const { node: below } of walk([first])) reached.add(below);
  }
  return broken;
}

/** The earliest member of the circle that a node's ancestors end in. */
function firstOfCircle<S extends Placed>(node: Node<S>, nodes: ReadonlyMap<string, Node<S>>): Node<S> {
  const path = [node];
  for (;;) {
    const parent = nodes.get(path.at(-1)?.parentId ?? "") ?? node;
    const at = path.indexOf(parent);
    if (at >= 0) return path.slice(at).sort(byStart)[0] ?? parent;
    path.push(parent);
  }
}

/** By start; the id decides between equals, so that the order of arrival never does. */
function byStart<S extends Placed>(a: TraceNode<S>, b: TraceNode<S>): number {
  return a.segment.start_time - b.segment.start_time || (a.segment.id < b.segment.id ? -1 : 1);
}
