import { AsyncLocalStorage } from "node:async_hooks";

/** The change that the running code works for; every log line and every AWS call made meanwhile carries it. */
export interface Scope {
  readonly correlationId: string;
  readonly customerId?: string;
  /** X-Ray header that calls made for this change must carry. */
  readonly traceHeader?: string;
  /** `bulk` when the work may wait behind live changes. */
  readonly lane?: "bulk";
}

const storage = new AsyncLocalStorage<Scope>();

/** Runs `work` for one change. */
export function withScope<T>(scope: Scope, work: () => T): T {
  return storage.run(scope, work);
}

/** The change being worked for, if any. */
export function currentScope(): Scope | undefined {
  return storage.getStore();
}
