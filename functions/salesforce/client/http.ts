import { PassThrough } from "node:stream";
import { Connection } from "jsforce/lib/core.js";
import { HttpApi } from "jsforce/lib/http-api.js";
import { Transport } from "jsforce/lib/transport.js";
import { StreamPromise } from "jsforce/lib/util/promise.js";
import { TransientError } from "#shared/errors.ts";
import { retryAfterOf } from "#shared/retry-after.ts";
import { requestIdIn } from "#shared/words.ts";
import type { SalesforceConnection } from "../org/connection.ts";
import { problemsIn, RefusedAnswer, type Surface } from "./errors.ts";
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

/** Time for one call with its answer, when it needs none of its own. */
export const CALL_TIMEOUT_MS = 10_000;

interface TransportOptions {
  /** Who answers: their codes differ. */
  readonly surface: Surface;
  readonly timeoutMs?: number | undefined;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Told of every answer's headers, also of refusals. */
  readonly onHeaders?: (headers: Answer["headers"]) => void;
}

/**
 * Sends each request once and gives up after a time that covers the body too. jsforce's own transport repeats failed
 * requests, waits for ever for a body that hangs, and ends the process when the connection is cut within a body; and
 * its errors do not tell the status and headers of the answer, which decide what can be done.
 * @throws RefusedAnswer for every status but 2xx; a redirect is no answer either: the organisation has moved
 */
export class OneTryTransport extends Transport {
  readonly #options: TransportOptions;

  constructor(options: TransportOptions) {
    super();
    this.#options = options;
  }

  override httpRequest(request: VendorRequest): StreamPromise<VendorResponse> {
    return StreamPromise.create(() => ({ stream: new PassThrough(), promise: this.#send(request) }));
  }

  async #send({ url, method, headers: sent = {}, body }: VendorRequest): Promise<VendorResponse> {
    const { surface, timeoutMs = CALL_TIMEOUT_MS, now, onHeaders } = this.#options;
    const options = { method, headers: sent, redirect: "manual" as const, signal: AbortSignal.timeout(timeoutMs) };
    const response = await fetch(url, body ? { ...options, body: body as string } : options);
    const headers = Object.fromEntries(response.headers);
    onHeaders?.(headers);
    const text = await response.text();
    if (response.ok) return { statusCode: response.status, headers, body: text };
    const retryAfterSeconds = retryAfterOf(headers["retry-after"], now());
    const requestId = requestIdIn(headers["x-sfdc-request-id"] ?? headers["x-request-id"]);
    throw new RefusedAnswer(surface, response.status, {
      problems: problemsIn(parsed(text)),
      retryAfterSeconds,
      requestId,
      call: `${method} ${new URL(url).pathname}`,
    });
  }
}

/** Sends calls within one session. Throws RefusedAnswer for what Salesforce refuses, and what the network throws. */
export type Send = (request: Request) => Promise<Answer>;

/** @param options.onHeaders told of every answer's headers, also of refusals */
export function createSend(
  { instanceUrl, accessToken }: Session,
  { apiVersion, integrationClientName }: SalesforceConnection,
  options: Omit<TransportOptions, "surface"> & { readonly onHeaders: (headers: Answer["headers"]) => void },
): Send {
  const callOptions = { client: integrationClientName };
  const connection = new Connection<never>({ instanceUrl, accessToken, version: apiVersion, callOptions });
  return async (request) => {
    let headers: Answer["headers"] = {};
    const transport = new OneTryTransport({
      surface: "call",
      timeoutMs: options.timeoutMs ?? request.timeoutMs,
      now: options.now,
      onHeaders(received) {
        headers = received;
        options.onHeaders(received);
      },
    });
    const http = new HttpApi<never>(connection, { transport, ...(request.csv ? { responseType: "text/plain" } : {}) });
    const body: unknown = await http.request({
      method: request.method,
      url: instanceUrl + (request.path.startsWith("/services/") ? "" : `/services/data/v${apiVersion}`) + request.path,
      ...contentOf(request),
    });
    return { body: resultIn(body, headers, request), headers };
  };
}

/**
 * The body of an answer with a good status.
 * @throws TransientError when it is a page of somebody between, or cut off; RefusedAnswer when it names an error
 */
function resultIn(body: unknown, headers: Answer["headers"], { method, path, csv }: Request): unknown {
  const isPage = /html/i.test(headers["content-type"] ?? "");
  if (isPage || (csv ? typeof body !== "string" : body === undefined || typeof body === "string")) {
    const expected = csv ? "CSV" : "JSON";
    // Without the query, which may hold values.
    const text = `Salesforce answered ${method} ${path.split("?")[0]} without ${expected}, or with half of it.`;
    throw new TransientError(`NOT_${expected}`, text);
  }
  const problems = problemsIn(body);
  if (problems.length > 0) throw new RefusedAnswer("call", 200, { problems });
  return body;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function contentOf({ body, csv }: Request): { headers: Record<string, string>; body?: string } {
  const accept = csv ? "text/csv" : "application/json";
  if (body === undefined) return { headers: { accept } };
  return { headers: { accept, "content-type": "application/json" }, body: JSON.stringify(body) };
}
