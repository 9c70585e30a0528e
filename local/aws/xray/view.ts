import { buildTree, type TraceNode, walk } from "../../../cli/trace/tree.ts";
import type { SegmentDocument } from "../kernel/service.ts";
import type { Trace } from "./store.ts";

/** One service that took part in a trace. */
export interface ServiceKey {
  readonly name: string;
  /** `AWS::Lambda` and the like; absent for what nobody named. */
  readonly type?: string;
}

/** Part of a trace that a filter or a summary looks at. */
export interface TraceView {
  /** Segments and subsegments that were sent alone. */
  readonly documents: readonly SegmentDocument[];
  /** All segments and subsegments, each with the service it belongs to. */
  readonly nodes: readonly { readonly document: SegmentDocument; readonly service: ServiceKey }[];
  /** Where the trace began, if that document is there. */
  readonly root: SegmentDocument | undefined;
}

type Node = TraceNode<SegmentDocument>;

export function viewOf(trace: Trace): TraceView {
  const documents = [...trace.documents.values()];
  const { roots, orphans } = buildTree(documents);
  const services = new Map<Node, ServiceKey>();
  for (const { node } of walk([...roots, ...orphans])) assign(node, services, undefined);
  return {
    documents,
    nodes: [...services].map(([{ segment: document }, service]) => ({ document, service })),
    root: roots[0]?.segment,
  };
}

/** A view of only what belongs to services that `matches` picks. */
export function narrow(view: TraceView, matches: (service: ServiceKey) => boolean): TraceView {
  const nodes = view.nodes.filter(({ service }) => matches(service));
  const kept = new Set(nodes.map(({ document }) => document));
  return { nodes, documents: view.documents.filter((document) => kept.has(document)), root: nodes[0]?.document };
}

/** Seconds from the first start to the last end; 0 while nothing has ended. */
export function durationOf(documents: readonly SegmentDocument[]): number {
  const start = Math.min(...documents.map(({ start_time }) => start_time));
  const end = Math.max(...documents.map(({ start_time, end_time }) => end_time ?? start_time));
  return Math.max(0, end - start);
}

/** A segment is a service of its own; a subsegment belongs to the segment above it, unless it calls another service. */
function assign(node: Node, services: Map<Node, ServiceKey>, above: ServiceKey | undefined): void {
  if (services.has(node)) return;
  const { segment: document } = node;
  const own = document.type !== "subsegment" && document.trace_id !== undefined;
  const service = own || !above ? keyOf(document) : above;
  services.set(node, service);
  for (const child of node.children) assign(child, services, service);
}

function keyOf({ name, origin }: SegmentDocument): ServiceKey {
  return { name, ...(typeof origin === "string" ? { type: origin } : {}) };
}
