import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import { crc32, gunzipSync } from "node:zlib";
import { BodyTooLarge, readBody, serveLoopback, wholeOrPart } from "../../loopback.ts";
import { AwsError, CutConnection } from "../kernel/errors.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { Principal, WireRequest, WireResponse } from "../kernel/service.ts";
import { answerControl, type ControlRoutes, controlRoutes } from "./control.ts";
import { asDeclared } from "./declared.ts";
import { jsonExchange } from "./json.ts";
import { ownExchange, type RequestHead } from "./own.ts";
import { type Credential, credentialOf, type Exchange } from "./protocol.ts";
import { queryExchange } from "./query.ts";
import { restExchange } from "./rest.ts";

/** DynamoDB takes the largest bodies, 16 MiB. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Limits.html */
const MAX_BODY_BYTES = 16 * 1024 * 1024;

export interface Gateway {
  /** `http://127.0.0.1:<port>` */
  readonly origin: string;
  /** Ends the calls under way and closes the port. */
  close(): Promise<void>;
}

export interface GatewayOptions {
  /** 0 takes a free port. */
  readonly port?: number;
  /** Further calls under `/_twin/`. */
  readonly control?: ControlRoutes;
}

/**
 * Opens the one port that speaks every AWS wire protocol, on the loopback interface only, and sets `kernel.origin`.
 * @throws Error in one sentence when the port is taken
 */
export async function startGateway(kernel: Kernel, options: GatewayOptions = {}): Promise<Gateway> {
  const control = { ...controlRoutes(kernel), ...options.control };
  const closing = new AbortController();
  const { url, close } = await serveLoopback({ name: "AWS", port: options.port ?? 0 }, (incoming, response) => {
    const abort = new AbortController();
    const signal = AbortSignal.any([abort.signal, closing.signal]);
    response.on("close", () => abort.abort(new Error("The caller went away.")));
    void serve(kernel, control, incoming, response, signal);
  });
  kernel.origin = url;
  return {
    origin: url,
    close() {
      closing.abort(new Error("The twin is stopping."));
      return close();
    },
  };
}

async function serve(
  kernel: Kernel,
  control: ControlRoutes,
  incoming: IncomingMessage,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  const requestId = randomUUID();
  try {
    const head = readHead(incoming);
    const credential = credentialOf(head);
    const own = ownExchange(kernel.services(), head, wholeOrPart(incoming), credential);
    if (own) return await send(response, await answer(kernel, own, head, credential, requestId, signal), requestId);
    const request = {
      ...head,
      body: unpack(await readBody(incoming, MAX_BODY_BYTES), head.headers["content-encoding"]),
    };
    if (request.path.startsWith("/_twin/"))
      return await send(response, await answerControl(control, request), requestId);
    const exchange = recognise(kernel, request, credential);
    if (!exchange) return await send(response, unknownRequest(request), requestId);
    await send(response, await answer(kernel, exchange, head, credential, requestId, signal), requestId);
  } catch (cause) {
    if (cause instanceof CutConnection) response.destroy();
    if (response.destroyed) return;
    const status = cause instanceof BodyTooLarge ? 413 : cause instanceof AwsError ? cause.status : 500;
    await send(response, { status, headers: { connection: "close" }, body: String(cause) }, requestId);
  }
}

function unknownRequest({ method, path }: RequestHead): WireResponse {
  return { status: 404, body: `The twin does not know the request ${method} ${path}.` };
}

async function answer(
  kernel: Kernel,
  exchange: Exchange,
  { headers }: RequestHead,
  credential: Credential | undefined,
  requestId: string,
  signal: AbortSignal,
): Promise<WireResponse> {
  try {
    const principal = authenticate(kernel, credential);
    const traceHeader = headers["x-amzn-trace-id"];
    const input = await asDeclared(exchange.service, exchange.operation, exchange.input());
    const output = await kernel.call(exchange.service, exchange.operation, input, {
      principal,
      requestId,
      signal,
      ...(traceHeader ? { traceHeader } : {}),
    });
    return withChecksum(exchange, exchange.answer(output, requestId));
  } catch (cause) {
    if (cause instanceof CutConnection) throw cause;
    return withChecksum(exchange, exchange.fail(asAwsError(cause), requestId));
  }
}

function recognise(kernel: Kernel, request: WireRequest, credential: Credential | undefined): Exchange | undefined {
  const services = kernel.services();
  return (
    jsonExchange(services, request) ??
    queryExchange(services, request, credential) ??
    restExchange(services, request, credential)
  );
}

function authenticate(kernel: Kernel, credential: Credential | undefined): Principal {
  if (credential) return kernel.identities.identify(credential.accessKeyId);
  throw new AwsError("MissingAuthenticationTokenException", "Request is missing Authentication Token", { status: 403 });
}

function asAwsError(cause: unknown): AwsError {
  if (cause instanceof AwsError && cause.code === "UnknownService")
    return new AwsError("UnknownOperationException", cause.message, { cause });
  if (cause instanceof AwsError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  return new AwsError("InternalFailure", message, { status: 500, cause });
}

function withChecksum(exchange: Exchange, response: WireResponse): WireResponse {
  if (exchange.service !== "dynamodb") return response;
  const checksum = crc32((response.body ?? "") as string | Buffer);
  return { ...response, headers: { ...response.headers, "x-amz-crc32": String(checksum) } };
}

function readHead(incoming: IncomingMessage): RequestHead {
  const target = incoming.url ?? "/";
  const url = new URL(`http://twin${target}`);
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(incoming.headers))
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(", ") : value;
  const rawPath = target.split("?", 1)[0] ?? "/";
  return { method: incoming.method ?? "GET", path: url.pathname, rawPath, query: url.searchParams, headers };
}

/** CloudWatch clients compress large bodies. */
function unpack(body: Buffer, encoding: string | undefined): Buffer {
  if (encoding !== "gzip") return body;
  try {
    return gunzipSync(body, { maxOutputLength: MAX_BODY_BYTES });
  } catch (cause) {
    throw new AwsError("SerializationException", `The body is not valid gzip: ${String(cause)}`, { cause });
  }
}

async function send(
  response: ServerResponse,
  { status, headers, body = "" }: WireResponse,
  requestId: string,
): Promise<void> {
  if (response.destroyed) return;
  const stream = typeof body === "string" || Buffer.isBuffer(body) ? undefined : body;
  const length = stream ? {} : { "content-length": Buffer.byteLength(body as string | Buffer) };
  response.writeHead(status, { "x-amzn-requestid": requestId, ...length, ...headers });
  if (!stream) response.end(body);
  else await pipeline(stream, response).catch(() => response.destroy()); // the status has gone: only a cut tells
}
