/** The parts of an X-Ray trace header. https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader */
export interface TraceHeader {
  readonly root: string;
  readonly parent?: string;
  readonly sampled: boolean;
}

/** Reads a trace header; `undefined` when it names no valid trace. */
export function parseTraceHeader(text: string | undefined): TraceHeader | undefined {
  const root = text?.match(/Root=(1-[0-9a-f]{8}-[0-9a-f]{24})(?:;|$)/)?.[1];
  if (!text || !root) return undefined;
  const parent = text.match(/Parent=([0-9a-f]{16})(?:;|$)/)?.[1];
  return { root, sampled: !/Sampled=0(?:;|$)/.test(text), ...(parent ? { parent } : {}) };
}

export function formatTraceHeader({ root, parent, sampled }: TraceHeader): string {
  return `Root=${root}${parent ? `;Parent=${parent}` : ""};Sampled=${sampled ? 1 : 0}`;
}

/**
 * The header a consumer works under. The platform's own knows the nearest parent, so it wins while it belongs to the
 * change's trace; after a replay, a redrive or a partner event it does not, and the event's own header is adopted.
 */
export function adoptTraceHeader(platform: string | undefined, carried: string | undefined): string | undefined {
  const own = parseTraceHeader(platform);
  const change = parseTraceHeader(carried);
  if (!change) return own ? platform : undefined;
  return own?.root === change.root ? platform : carried;
}
