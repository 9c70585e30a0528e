import { hex } from "./names.ts";

/** The parts of an `X-Amzn-Trace-Id` header. https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader */
export interface TraceContext {
  readonly root: string;
  readonly parent?: string;
  readonly sampled?: boolean;
}

const ROOT = /^1-[0-9a-f]{8}-[0-9a-f]{24}$/;
const ID = /^[0-9a-f]{16}$/;

/** Reads a trace header; `undefined` when it has no valid root (AWS drops such headers and keeps the work). */
export function parseTraceHeader(header: string | undefined): TraceContext | undefined {
  if (!header) return undefined;
  const parts = new Map(header.split(";").map((part) => part.trim().split("=", 2) as [string, string]));
  const root = parts.get("Root");
  if (!root || !ROOT.test(root)) return undefined;
  const parent = parts.get("Parent");
  const sampled = parts.get("Sampled");
  return {
    root,
    ...(parent && ID.test(parent) ? { parent } : {}),
    ...(sampled === "1" || sampled === "0" ? { sampled: sampled === "1" } : {}),
  };
}

/** Writes a trace header with its members in the order AWS uses. */
export function formatTraceHeader({ root, parent, sampled }: TraceContext): string {
  const parts = [`Root=${root}`];
  if (parent) parts.push(`Parent=${parent}`);
  if (sampled !== undefined) parts.push(`Sampled=${sampled ? 1 : 0}`);
  return parts.join(";");
}

/** A new X-Ray trace id: version, epoch seconds in hexadecimal, 96 random bits. */
export function newTraceId(now: number): string {
  return `1-${Math.floor(now / 1000)
    .toString(16)
    .padStart(8, "0")}-${hex(24)}`;
}

/** A new 64-bit segment id. */
export function newSegmentId(): string {
  return hex(16);
}
