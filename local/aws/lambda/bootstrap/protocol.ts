/** What the twin and a function's process say to each other over the IPC channel. */

/** An error in the shape that a Node.js function answers with. */
export interface ErrorPayload {
  readonly errorType: string;
  readonly errorMessage: string;
  readonly trace?: readonly string[];
}

/** One invocation, sent to the process. */
export interface InvokeMessage {
  readonly requestId: string;
  /** Epoch milliseconds at which the invocation times out. */
  readonly deadline: number;
  readonly functionArn: string;
  readonly traceId: string;
  /** The event as JSON text. */
  readonly payload: string;
  /** The client context as JSON text, if the caller sent one. */
  readonly clientContext?: string;
}

/** How far the twin's clock is ahead of the real one, in milliseconds; sent before an invocation and when it changes. */
export interface ClockMessage {
  readonly clockOffset: number;
}

/** What the process answers: its initialisation first, then one answer per invocation. */
export type ProcessMessage =
  | { readonly kind: "ready" }
  | { readonly kind: "init-error"; readonly error: ErrorPayload }
  | { readonly kind: "result"; readonly payload: string }
  | { readonly kind: "error"; readonly error: ErrorPayload }
  /** An uncaught error: the process exits right after it. */
  | { readonly kind: "fatal"; readonly error: ErrorPayload };

/** First character of a framed line on standard output; a frame is one log message, newlines included, or an end mark. */
export const FRAME = "\u0000";
/** `FRAME` + `LOG` + epoch milliseconds + space + JSON string. */
export const LOG = "L";
/** `FRAME` + `END` + peak memory in KiB: everything that the invocation printed comes before it. */
export const END = "E";
