import { types } from "node:util";
import type { ErrorPayload } from "./protocol.ts";

/** An error of the runtime itself, such as `Runtime.HandlerNotFound`. */
export class RuntimeError extends Error {
  constructor(name: string, message: string, cause?: Error) {
    super(message, { cause });
    this.name = name;
    if (cause?.stack) this.stack = cause.stack;
  }
}

function isError(thrown: unknown): thrown is Error {
  return thrown instanceof Error || types.isNativeError(thrown);
}

/**
 * The answer of a Node.js function that threw.
 * https://docs.aws.amazon.com/lambda/latest/dg/nodejs-exceptions.html
 */
export function toPayload(thrown: unknown): ErrorPayload {
  if (!isError(thrown)) return { errorType: typeof thrown, errorMessage: String(thrown), trace: [] };
  return { errorType: thrown.name, errorMessage: thrown.message, trace: (thrown.stack ?? "").split("\n") };
}

/** The error as the runtime logs it: the payload with `stack`, the error's own members and its cause. */
export function toLogged(thrown: unknown): unknown {
  if (!isError(thrown)) return toPayload(thrown);
  const { errorType, errorMessage, trace } = toPayload(thrown);
  const cause = thrown.cause === undefined ? {} : { cause: toLogged(thrown.cause) };
  return { errorType, errorMessage, ...thrown, ...cause, stack: trace };
}
