import type { ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { Calls } from "./calls.ts";
import { CONTROL, type Control, commonControls, runControl } from "./control.ts";
import { type DrawnFault, Faults } from "./faults.ts";
import { type Incoming, type ListenOptions, listen, shownHeaders, toRequest, write } from "./listen.ts";

/** What an emulator gives to the front that stands before it. */
export interface Backend {
  /** Serves one call; `fault` is one of `faultNames` or a status that the call has drawn. */
  fetch(request: Request, fault?: DrawnFault): Promise<Response>;
  /** Groups a path for the call counters, such as `/v1/customers/:id`. */
  routeOf(path: string): string;
  /** What the caller calls itself. */
  callerOf?(headers: Incoming["headers"]): string | undefined;
  readonly controls: readonly Control[];
  /** Goes back to a fresh state that keeps the credentials. */
  reset(): Promise<void>;
  stop(): Promise<void>;
}

/** The one door of an emulator: control plane, faults and call counters in front of its own routes. */
export interface Front {
  readonly url: string;
  readonly port: number;
  readonly faults: Faults;
  readonly calls: Calls;
  /** Empties the emulator, its faults and its counters; credentials stay good. */
  reset(): Promise<void>;
  stop(): Promise<void>;
}

export interface FrontOptions extends ListenOptions {
  /** Faults that the backend plays itself, beside those of the transport. */
  readonly faultNames: readonly string[];
  /** Builds the backend once the address is known. */
  connect(url: string): Promise<Backend>;
}

/** Listens, then starts the emulator behind. */
export async function startFront({ faultNames, connect, ...options }: FrontOptions): Promise<Front> {
  const faults = new Faults(faultNames);
  const calls = new Calls();
  const owned = new Set(faultNames);
  let controls = commonControls(faults, calls);
  let backend: Backend | undefined;

  const listener = await listen(options, async (incoming, response) => {
    if (!backend) return write(response, new Response(`${options.name} is starting`, { status: 503 }));
    const path = incoming.url.pathname;
    if (path.startsWith(CONTROL)) return write(response, await runControl(controls, incoming));
    const fault = faults.draw(incoming.method, path);
    const ownFault = fault && (fault.status !== undefined || owned.has(fault.error ?? "")) ? fault : undefined;
    const serve = () => (backend as Backend).fetch(toRequest(incoming), ownFault);
    const status = fault && !ownFault ? await breakCall(fault, serve, incoming, response) : await pass(serve, response);
    calls.count(`${incoming.method} ${backend.routeOf(path)}`, status, backend.callerOf?.(incoming.headers));
  });

  try {
    backend = await connect(listener.url);
  } catch (error) {
    await listener.close();
    throw error;
  }
  const reset = async () => {
    faults.clear();
    calls.clear();
    await backend?.reset();
  };
  controls = [...controls, ...backend.controls, { method: "POST", path: "reset", run: reset }];
  return {
    url: listener.url,
    port: listener.port,
    faults,
    calls,
    reset,
    async stop() {
      await listener.close();
      await backend?.stop();
    },
  };
}

/** The answer of a fault that is a plain status and body. */
export function statusFault(fault: DrawnFault): Response {
  const isText = typeof fault.body === "string";
  const body = fault.body === undefined ? null : isText ? (fault.body as string) : JSON.stringify(fault.body);
  const type = isText ? "text/html" : "application/json";
  return new Response(body, { status: fault.status ?? 500, headers: { "content-type": type, ...fault.headers } });
}

async function pass(serve: () => Promise<Response>, response: ServerResponse): Promise<number> {
  const answer = await serve();
  await write(response, answer);
  return answer.status;
}

/** Plays a transport fault; returns the status for the counters, 0 when the client gets none. */
async function breakCall(
  fault: DrawnFault,
  serve: () => Promise<Response>,
  incoming: Incoming,
  response: ServerResponse,
): Promise<number> {
  switch (fault.error) {
    case "slow":
      await sleep(fault.delayMs, undefined, { signal: incoming.signal });
      return pass(serve, response);
    case "truncatedBody":
      return truncate(await serve(), response);
    case "socketResetAfterEffect":
      await serve();
      response.socket?.resetAndDestroy();
      return 0;
    case "timeoutAfterSuccess":
      await serve();
      await untilGone(incoming.signal);
      return 0;
    case "timeout":
      await untilGone(incoming.signal);
      return 0;
    default:
      response.socket?.resetAndDestroy();
      return 0;
  }
}

async function truncate(answer: Response, response: ServerResponse): Promise<number> {
  const body = Buffer.from(await answer.arrayBuffer());
  const headers = { ...shownHeaders(answer), "content-length": String(body.length) };
  response.writeHead(answer.status, headers);
  response.write(body.subarray(0, Math.floor(body.length / 2)), () => response.socket?.destroy());
  return answer.status;
}

/** A silent server: waits until the client gives up or the emulator stops. */
function untilGone(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
