import { AwsError } from "../kernel/errors.ts";
import type { Fault, Kernel } from "../kernel/kernel.ts";
import type { WireRequest, WireResponse } from "../kernel/service.ts";

/** Answers one path under `/_twin/`; the result is written as JSON. */
export type ControlHandler = (request: WireRequest) => unknown;
/** Control calls by `METHOD /_twin/path`. */
export type ControlRoutes = Readonly<Record<string, ControlHandler>>;

/**
 * The twin's own calls, which AWS does not have: `GET /_twin/health`, and `GET`, `POST`, `DELETE /_twin/faults`
 * to list, add and clear injected faults.
 */
export function controlRoutes(kernel: Kernel): ControlRoutes {
  return {
    "GET /_twin/health": () => ({ status: "ok", services: kernel.services().map(({ name }) => name) }),
    "GET /_twin/faults": () => ({ faults: kernel.faults.map(describeFault) }),
    "POST /_twin/faults": (request) => {
      const fault = parseFault(kernel, JSON.parse(request.body.toString("utf8")));
      kernel.faults.push(fault);
      return describeFault(fault);
    },
    "DELETE /_twin/faults": () => {
      kernel.faults.length = 0;
      return { faults: [] };
    },
  };
}

/** Runs a control call; a bad one is answered with 400 and one sentence. */
export async function answerControl(routes: ControlRoutes, request: WireRequest): Promise<WireResponse> {
  const handler = routes[`${request.method} ${request.path.replace(/\/$/, "")}`];
  if (!handler) return json(404, { message: `There is no ${request.method} ${request.path}.` });
  try {
    return json(200, await handler(request));
  } catch (cause) {
    return json(400, { message: cause instanceof Error ? cause.message : String(cause) });
  }
}

function parseFault(kernel: Kernel, input: unknown): Fault {
  const {
    service,
    operation,
    resource,
    times = 1,
    error,
    delayMs,
    afterEffect,
    cut,
  } = input as Record<string, unknown>;
  if (typeof service !== "string" || typeof operation !== "string")
    throw new Error("A fault needs `service` and `operation`, such as dynamodb and PutItem.");
  if (!Object.hasOwn(kernel.service(service).operations, operation))
    throw new Error(`The twin has no operation ${service}:${operation}.`);
  if (typeof times !== "number" || !Number.isInteger(times) || times < 1)
    throw new Error("`times` must be a whole number of 1 or more.");
  if (error === undefined && delayMs === undefined && cut !== true)
    throw new Error("A fault needs `error`, `delayMs` or `cut`.");
  if (delayMs !== undefined && (typeof delayMs !== "number" || delayMs < 0))
    throw new Error("`delayMs` must be a number of milliseconds.");
  return {
    service,
    operation,
    times,
    ...(typeof resource === "string" ? { resource } : {}),
    ...(error === undefined ? {} : { error: parseError(error) }),
    ...(delayMs === undefined ? {} : { delayMs }),
    ...(afterEffect === true ? { afterEffect } : {}),
    ...(cut === true ? { cut } : {}),
  };
}

function parseError(input: unknown): AwsError {
  const { code, message, status, queryCode, body } = input as Record<string, unknown>;
  if (typeof code !== "string") throw new Error("`error` needs a `code`, such as ThrottlingException.");
  return new AwsError(code, typeof message === "string" ? message : "Injected fault.", {
    ...(typeof status === "number" ? { status } : {}),
    ...(typeof queryCode === "string" ? { queryCode } : {}),
    ...(typeof body === "object" && body !== null ? { body: body as Record<string, unknown> } : {}),
  });
}

function describeFault({ error, ...fault }: Fault): unknown {
  return { ...fault, ...(error ? { error: { code: error.code, message: error.message, status: error.status } } : {}) };
}

function json(status: number, body: unknown): WireResponse {
  return { status, headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
}
