import { AwsError } from "../kernel/errors.ts";
import type { OwnExchange, StreamingRequest, WireResponse } from "../kernel/service.ts";
import { notImplemented } from "./errors.ts";
import type { Call, Route } from "./route.ts";
import { ROUTES } from "./routes.ts";
import { type Xml, xmlDocument } from "./xml.ts";

const XML_TYPE = { "content-type": "application/xml" };
/** Members of the query that belong to signing and to the SDK, not to an operation. */
const NEUTRAL = /^(x-id|X-Amz-.+)$/i;

/**
 * Understands a request of S3's REST protocol, with the bucket in the path or in the host name.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/RESTAPI.html
 */
export function understand(request: StreamingRequest): OwnExchange {
  const { bucket, key } = addressOf(request);
  const call: Call = { bucket: decoded(bucket), key: decoded(key), request };
  const query = [...request.query.keys()].filter((name) => !NEUTRAL.test(name));
  const level = key === "" ? (bucket === "" ? "service" : "bucket") : "object";
  const route = ROUTES.find((candidate) => fits(candidate, request, level, query));
  return {
    operation: route?.operation ?? `${request.method} ${level}`,
    input: () => {
      if (isUndecodable(request.rawPath)) throw new AwsError("InvalidURI", "Couldn't parse the specified URI.");
      if (!route) throw notImplemented(`${request.method} on a ${level} with [${query.join(", ")}]`);
      return route.input(call);
    },
    answer: (output, requestId) => withId(route?.output(output as never, call) ?? { status: 500 }, requestId),
    fail: (error, requestId) => withId(failure(error, request, requestId), requestId),
  };
}

function fits(route: Route, { method, headers }: StreamingRequest, level: string, query: readonly string[]): boolean {
  const { needs = [], allows = [], header } = route;
  return (
    route.method === method &&
    route.level === level &&
    (header === undefined || headers[header] !== undefined) &&
    needs.every((name) => query.includes(name)) &&
    query.every((name) => needs.includes(name) || allows.includes(name))
  );
}

/**
 * Bucket and key. The SDK puts the bucket before a host that is a name (`bucket.localhost`) and into the path when the
 * host is an address. https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
 */
function addressOf({ headers, rawPath }: StreamingRequest): { bucket: string; key: string } {
  const host = /^(.+)\.localhost(:\d+)?$/i.exec(headers.host ?? "")?.[1];
  const path = rawPath.replace(/^\//, "");
  if (host !== undefined) return { bucket: host, key: path };
  const slash = path.indexOf("/");
  if (slash < 0) return { bucket: path, key: "" };
  return { bucket: path.slice(0, slash), key: path.slice(slash + 1) };
}

function decoded(text: string): string {
  return isUndecodable(text) ? text : decodeURIComponent(text);
}

function isUndecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return false;
  } catch {
    return true;
  }
}

function withId(response: WireResponse, requestId: string): WireResponse {
  return { ...response, headers: { "x-amz-request-id": requestId, ...response.headers } };
}

const FORBIDDEN = new Set(["AccessDenied", "AccessDeniedException", "UnrecognizedClientException"]);

/** https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#RESTErrorResponses */
function failure(error: AwsError, { method, rawPath }: StreamingRequest, requestId: string): WireResponse {
  const status = FORBIDDEN.has(error.code) ? 403 : error.status;
  if (method === "HEAD" || status === 304) return { status };
  const Code = error.queryCode ?? error.code;
  const detail = { Code, Message: error.message, ...error.body, Resource: rawPath, RequestId: requestId };
  // Nobody reads the rest of what is too large.
  const headers = Code === "EntityTooLarge" ? { ...XML_TYPE, connection: "close" } : XML_TYPE;
  return { status, headers, body: xmlDocument("Error", detail as Xml, false) };
}
