import { PassThrough } from "node:stream";
import { Connection } from "jsforce/lib/core.js";
import { HttpApi } from "jsforce/lib/http-api.js";
import { Transport } from "jsforce/lib/transport.js";
import { StreamPromise } from "jsforce/lib/util/promise.js";
import { TransientError } from "#shared/errors.ts";
import type { SalesforceConnection } from "../org/connection.ts";
import type { Session } from "./types.ts";

/** One call of an API. */
export interface Request {
  readonly method: "GET" | "POST" | "PATCH";
  /** From `/services/` on, or relative to the API version: `/sobjects/Account/describe`. */
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Gives the body as text: jsforce would parse it into rows. */
  readonly csv?: boolean;
  readonly timeoutMs?: number;
}

export interface Answer {
  readonly body: unknown;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
}

type VendorRequest = Parameters<Transport["httpRequest"]>[0];
type VendorResponse = Awaited<ReturnType<Transport["httpRequest"]>>;

const DEFAULT_TIMEOUT_MS = 10_000;

/**
 * Sends each request once and gives up after a time that covers the body too. jsforce's own transport repeats failed
 * requests, waits for ever for a body that hangs, and ends the process when the connection is cut within a body.
 */
export class OneTryTransport extends Transport {
  readonly #timeoutMs: number;

  constructor(timeoutMs = DEFAULT_TIMEOUT_MS) {
    super();
    this.#timeoutMs = timeoutMs;
  }

  override httpRequest(request: VendorRequest): StreamPromise<VendorResponse> {
    return StreamPromise.create(() => ({ stream: new PassThrough(), promise: this.#send(request) }));
  }

  async #send({ url, method, headers = {}, body }: VendorRequest): Promise<VendorResponse> {
    const signal = AbortSignal.timeout(this.#timeoutMs);
    const options = { method, headers, redirect: "manual" as const, signal };
    const response = await fetch(url, body ? { ...options, body: body as string } : options);
    const text = await response.text();
    return { statusCode: response.status, headers: Object.fromEntries(response.headers), body: text };
  }
}

/** jsforce's reader of answers, which would hide the code of an error in an answer that was asked for as text. */
class Http extends HttpApi<never> {
  override getResponseContentType(response: VendorResponse): string {
    const type = response.headers["content-type"] ?? "";
    return this.isErrorResponse(response) ? type : (super.getResponseContentType(response) ?? type);
  }

  /** A redirect is no answer: the organisation has moved. */
  override isErrorResponse({ statusCode }: VendorResponse): boolean {
    return statusCode >= 400 || [301, 302, 303, 307, 308].includes(statusCode);
  }
}

/** Sends calls within one session. Throws what jsforce throws. */
export type Send = (request: Request) => Promise<Answer>;

/** @param onHeaders told of every answer's headers, also of refusals */
export function createSend(
  { instanceUrl, accessToken }: Session,
  { apiVersion, integrationClientName }: SalesforceConnection,
  { timeoutMs, onHeaders }: { timeoutMs?: number | undefined; onHeaders: (headers: Answer["headers"]) => void },
): Send {
  const callOptions = { client: integrationClientName };
  const connection = new Connection<never>({ instanceUrl, accessToken, version: apiVersion, callOptions });
  return async (request) => {
    const transport = new OneTryTransport(timeoutMs ?? request.timeoutMs);
    const http = new Http(connection, { transport, ...(request.csv ? { responseType: "text/plain" } : {}) });
    let headers: Answer["headers"] = {};
    http.on("response", (response: VendorResponse) => {
      headers = response.headers;
      onHeaders(headers);
    });
    const body = await http.request({
      method: request.method,
      url: instanceUrl + (request.path.startsWith("/services/") ? "" : `/services/data/v${apiVersion}`) + request.path,
      ...contentOf(request),
    });
    if (typeof body === "string" && !request.csv)
      throw new TransientError("NOT_JSON", `Salesforce answered ${request.method} ${pathOf(request)} without JSON.`);
    return { body, headers };
  };
}

function contentOf({ body, csv }: Request): { headers: Record<string, string>; body?: string } {
  const accept = csv ? "text/csv" : "application/json";
  if (body === undefined) return { headers: { accept } };
  return { headers: { accept, "content-type": "application/json" }, body: JSON.stringify(body) };
}

/** Without the query, which may hold values. */
function pathOf({ path }: Request): string {
  return path.split("?")[0] ?? path;
}
