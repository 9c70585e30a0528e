import type { SegmentDocument } from "../kernel/service.ts";

/** A document that X-Ray does not take, in the words of `UnprocessedTraceSegments`. */
export class DocumentError extends Error {
  readonly code: string;
  /** The segment id, if it could be read. */
  readonly id: string | undefined;

  constructor(code: string, problem: string, id?: string) {
    super(`Invalid segment. ErrorCode: ${code}. ${problem}`);
    this.name = "DocumentError";
    this.code = code;
    this.id = id;
  }
}

/** https://docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html */
const MAX_BYTES = 65_536;
const MAX_NAME = 200;
const SEGMENT_ID = /^[0-9a-f]{16}$/i;
const TRACE_ID = /^1-([0-9a-f]{8})-([0-9a-f]{24})$/i;
/** A W3C trace id, which X-Ray takes as well. */
const W3C_TRACE_ID = /^([0-9a-f]{8})([0-9a-f]{24})$/i;

/**
 * Reads one segment document, or a subsegment sent alone.
 * @throws DocumentError with what is wrong with it
 */
export function parseDocument(text: string): SegmentDocument {
  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_BYTES)
    throw new DocumentError("SizeLimit", `The document has ${bytes} bytes; ${MAX_BYTES} are allowed.`);
  return checkDocument(parseJson(text));
}

/**
 * Holds a document against the rules for segments.
 * @throws DocumentError with what is wrong with it
 */
export function checkDocument(value: unknown): SegmentDocument {
  const document = asObject(value, "The document");
  const id = checkId(document);
  const traceId = document.trace_id;
  const match = typeof traceId === "string" && (TRACE_ID.exec(traceId) ?? W3C_TRACE_ID.exec(traceId));
  if (!match) throw new DocumentError("InvalidTraceId", `trace_id '${traceId}' is no trace id.`, id);
  checkParent(document, id);
  checkCommon(document, id);
  return { ...document, trace_id: `1-${match[1]}-${match[2]}`.toLowerCase() } as SegmentDocument;
}

function checkParent({ parent_id, type }: Record<string, unknown>, id: string): void {
  if (type !== undefined && type !== "subsegment")
    throw new DocumentError("InvalidType", `type must be 'subsegment' or absent, not '${type}'.`, id);
  if (parent_id === undefined && type === "subsegment")
    throw new DocumentError("MissingParentId", "A subsegment sent alone needs parent_id.", id);
  if (parent_id !== undefined && !(typeof parent_id === "string" && SEGMENT_ID.test(parent_id)))
    throw new DocumentError("InvalidParentId", `parent_id '${parent_id}' is not 16 hexadecimal digits.`, id);
}

/** What holds for segments and for every subsegment below them. */
function checkCommon(document: Record<string, unknown>, rootId: string): void {
  const { name, start_time, end_time, in_progress, subsegments = [] } = document;
  if (typeof name !== "string" || name === "" || name.length > MAX_NAME)
    throw new DocumentError("InvalidName", `name must have 1 to ${MAX_NAME} characters.`, rootId);
  if (typeof start_time !== "number")
    throw new DocumentError("InvalidStartTime", `start_time of '${name}' must be a number of seconds.`, rootId);
  if (end_time !== undefined && typeof end_time !== "number")
    throw new DocumentError("InvalidEndTime", `end_time of '${name}' must be a number of seconds.`, rootId);
  if (end_time === undefined && in_progress !== true)
    throw new DocumentError("MissingEndTime", `'${name}' needs end_time or in_progress.`, rootId);
  if (!Array.isArray(subsegments))
    throw new DocumentError("InvalidSubsegments", `subsegments of '${name}' must be a list.`, rootId);
  for (const subsegment of subsegments) {
    const nested = asObject(subsegment, `A subsegment of '${name}'`, rootId);
    checkId(nested, rootId);
    checkCommon(nested, rootId);
  }
}

function checkId({ id }: Record<string, unknown>, rootId?: string): string {
  if (typeof id === "string" && SEGMENT_ID.test(id)) return id;
  throw new DocumentError(
    id === undefined ? "MissingId" : "InvalidId",
    `id '${id}' is not 16 hexadecimal digits.`,
    rootId,
  );
}

function asObject(value: unknown, what: string, id?: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new DocumentError("ParseError", `${what} must be a JSON object.`, id);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new DocumentError("ParseError", `The document is not JSON: ${(cause as Error).message}`);
  }
}
