import { styleText } from "node:util";
import { printable } from "../text.ts";
import { type Segment, type TraceNode, type TraceTree, walk } from "./tree.ts";

/** Colours text, or leaves it as it is. */
export type Paint = (style: "red" | "yellow" | "green" | "dim" | "bold" | "cyan", text: string) => string;

/** A painter for a stream: colour only on a terminal, and never with NO_COLOR. https://no-color.org */
export function painter(stream: NodeJS.WriteStream, env = process.env): Paint {
  const colour = stream.isTTY && !env.NO_COLOR;
  return (style, text) => (colour ? styleText(style, text, { validateStream: false }) : text);
}

/** Draws a trace as text: one line per segment with its start after the trace's, its duration and its error. */
export function renderTree(traceId: string, tree: TraceTree, paint: Paint): string {
  const all = [...walk([...tree.roots, ...tree.orphans])].map(({ node }) => node.segment);
  const began = Math.min(...all.map((segment) => segment.start_time));
  const ended = Math.max(...all.map((segment) => segment.end_time ?? segment.start_time));
  const lines = [...tree.roots.flatMap((root) => lineage(root, ""))];
  if (tree.orphans.length > 0) lines.push(["— without a parent in this trace —", undefined]);
  lines.push(...tree.orphans.flatMap((orphan) => lineage(orphan, "")));
  const width = Math.max(...lines.map(([label]) => label.length));
  const head = `${paint("bold", traceId)}  ${milliseconds(ended - began)}, ${tree.segments} segments${annotation(all)}`;
  return [head, ...lines.map(([label, segment]) => line(label.padEnd(width), segment, began, paint))].join("\n");
}

type Line = [label: string, segment: Segment | undefined];

function lineage(node: TraceNode, indent: string, branch = "", above?: string): Line[] {
  const vendor = vendorOf(node.segment.name) ?? above;
  const deeper = branch === "" ? indent : `${indent}${branch === "├─ " ? "│  " : "   "}`;
  const last = node.children.length - 1;
  return [
    [`${indent}${branch}${label(node.segment, vendor)}`, node.segment],
    ...node.children.flatMap((child, index) => lineage(child, deeper, index === last ? "└─ " : "├─ ", vendor)),
  ];
}

/** Whom the connectors call that call a vendor. */
const VENDORS: Readonly<Record<string, string>> = { billing: "Stripe", salesforce: "Salesforce", slack: "Slack" };

/** Of the work of a connector, such as `billing/upsert-customer`, or of its function. */
function vendorOf(name: string): string | undefined {
  const [, connector = ""] = /(?:^|-)(billing|salesforce|slack)[/-]/.exec(name) ?? [];
  return VENDORS[connector];
}

function label({ name, namespace, origin, aws, http }: Segment, vendor: string | undefined): string {
  // A host says little: the vendors of a fleet on this machine all listen on 127.0.0.1.
  if (namespace === "remote") {
    const { method = "", url = "" } = http?.request ?? {};
    return printable([vendor ?? name, method, URL.parse(url)?.pathname].filter(Boolean).join(" "));
  }
  const operation = aws?.operation ? ` ${aws.operation}` : "";
  return printable(`${name}${operation}${origin ? `  [${origin.replace(/^AWS::/, "")}]` : ""}`);
}

function line(text: string, segment: Segment | undefined, began: number, paint: Paint): string {
  if (!segment) return paint("yellow", text);
  const start = `+${milliseconds(segment.start_time - began)}`.padStart(9);
  const took = segment.end_time === undefined ? "unfinished" : milliseconds(segment.end_time - segment.start_time);
  const unmet = isUnmetCondition(segment);
  const failed = !unmet && (segment.fault || segment.error || segment.throttle);
  const shown = failed ? paint("red", text) : text;
  const end = failed ? paint("red", problem(segment)) : unmet ? paint("dim", "– condition not met") : "";
  return `${shown}  ${paint("dim", start)} ${took.padStart(9)}${end ? `  ${end}` : ""}`;
}

/** A write whose condition did not hold, which X-Ray has as a fault: it is how work learns that others were faster. */
function isUnmetCondition({ name, cause }: Segment): boolean {
  const exception = typeof cause === "object" ? cause.exceptions?.[0] : undefined;
  return name === "DynamoDB" && exception?.type === "ConditionalCheckFailedException";
}

/** What went wrong, as far as the segment says. */
function problem({ throttle, fault, cause, http }: Segment): string {
  const kind = throttle ? "throttled" : fault ? "fault" : "error";
  const exception = typeof cause === "object" ? cause.exceptions?.[0] : undefined;
  const status = http?.response?.status ? ` HTTP ${http.response.status}` : "";
  const text = [exception?.type, exception?.message].filter(Boolean).join(": ");
  return printable(`✗ ${kind}${status}${text ? ` ${text.split("\n")[0]?.slice(0, 160)}` : ""}`);
}

function annotation(segments: readonly Segment[]): string {
  const found = (key: string) => segments.find((segment) => segment.annotations?.[key])?.annotations?.[key];
  const parts = ["correlationId", "customerId"].flatMap((key) => (found(key) ? [`${key} ${found(key)}`] : []));
  return parts.length > 0 ? printable(`, ${parts.join(", ")}`) : "";
}

function milliseconds(seconds: number): string {
  return `${Math.round(seconds * 1000)} ms`;
}
