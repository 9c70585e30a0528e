import { AwsError } from "../kernel/errors.ts";
import type { Service, WireRequest, WireResponse } from "../kernel/service.ts";
import { type Exchange, faultSide, QUERY_COMPATIBLE, serviceOfTarget, statusOf } from "./protocol.ts";

/** Services that spell the error text `Message`; the others write `message`. */
const CAPITAL_MESSAGE: ReadonlySet<string> = new Set(["secretsmanager"]);
/** Errors that come from the front door of DynamoDB, not from the service itself. */
const CORAL = new Set(["AccessDeniedException", "UnrecognizedClientException", "SerializationException"]);

/** DynamoDB takes the deepest inputs, values of 32 levels, of which each is two in JSON. */
const MAX_DEPTH = 100;

/** Parses a JSON body; an empty body is an empty input. @throws AwsError `SerializationException` for what is no object, or a deep one */
export function parseJson(body: Buffer): object {
  const input = parse(body.toString("utf8").trim() || "{}");
  if (typeof input !== "object" || input === null || Array.isArray(input))
    throw new AwsError("SerializationException", "The request body must be a JSON object.");
  return input;
}

function parse(text: string): unknown {
  try {
    const input = JSON.parse(text);
    if (isDeep(input)) throw new Error(`it is nested deeper than ${MAX_DEPTH} levels`);
    return input;
  } catch (cause) {
    throw new AwsError("SerializationException", `The request body is not valid JSON: ${(cause as Error).message}`, {
      cause,
    });
  }
}

/** Without recursion, which a deep input would bring to its end. */
function isDeep(input: unknown): boolean {
  let level: unknown[] = [input];
  for (let depth = 0; depth <= MAX_DEPTH; depth += 1) {
    level = level.flatMap((value) => (typeof value === "object" && value !== null ? Object.values(value) : []));
    if (level.length === 0) return false;
  }
  return true;
}

/**
 * A call of the awsJson 1.0 or 1.1 protocol, recognised by `X-Amz-Target: <Prefix>.<Operation>`.
 * https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html
 */
export function jsonExchange(services: readonly Service[], request: WireRequest): Exchange | undefined {
  const target = request.headers["x-amz-target"];
  if (!target) return undefined;
  const dot = target.lastIndexOf(".");
  const service = serviceOfTarget(services, target.slice(0, dot));
  const name = service?.name ?? target.slice(0, dot);
  const version = service?.wire.kind === "json" ? service.wire.version : "1.0";
  const headers = { "content-type": `application/x-amz-json-${version}` };
  return {
    service: name,
    operation: target.slice(dot + 1),
    input: () => parseJson(request.body),
    answer: (output) => ({ status: 200, headers, body: JSON.stringify(output ?? {}) }),
    fail: (error) => failure(name, error, headers),
  };
}

function failure(service: string, error: AwsError, headers: Record<string, string>): WireResponse {
  const prefix = service === "dynamodb" && CORAL.has(error.code) ? "com.amazon.coral.service#" : "";
  const capital = CAPITAL_MESSAGE.has(service) || (service === "sqs" && error.code === "AccessDeniedException");
  return {
    status: QUERY_COMPATIBLE.has(service) ? statusOf(error) : error.status,
    headers: {
      ...headers,
      ...(QUERY_COMPATIBLE.has(service)
        ? { "x-amzn-query-error": `${error.queryCode ?? error.code};${faultSide(error)}` }
        : {}),
    },
    body: JSON.stringify({
      __type: `${prefix}${error.code}`,
      [capital ? "Message" : "message"]: error.message,
      ...error.body,
    }),
  };
}
