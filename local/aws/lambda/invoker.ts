import { AwsError } from "../kernel/errors.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { Outcome } from "./environment.ts";
import type { Pool } from "./pool.ts";
import type { Registry } from "./registry.ts";
import { beginTrace, Sampler } from "./tracing.ts";
import type { FunctionRecord, FunctionVersion, Invocation, Target } from "./types.ts";

const NAMESPACE = "AWS/Lambda";
/** https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const ACCOUNT_CONCURRENCY = 1000;
/** Of the account's concurrency, what functions may not reserve. */
export const UNRESERVED_MINIMUM = 100;

/** Whether so much more can be reserved. */
export function canReserve(registry: Registry, record: FunctionRecord | undefined, amount: number): boolean {
  const others = registry.reservedTotal() - (record?.reservedConcurrency ?? 0);
  return others + amount <= ACCOUNT_CONCURRENCY - UNRESERVED_MINIMUM;
}

export interface InvokeRequest {
  readonly requestId: string;
  readonly payload: string;
  readonly clientContext?: string;
  readonly traceHeader?: string;
}

/** Runs invocations synchronously within the account's and the functions' concurrency. */
export class Invoker {
  readonly #kernel: Kernel;
  readonly #registry: Registry;
  readonly #pool: Pool;
  readonly #sampler: Sampler;
  readonly #running = new Map<string, number>();

  constructor(kernel: Kernel, registry: Registry, pool: Pool) {
    this.#kernel = kernel;
    this.#registry = registry;
    this.#pool = pool;
    this.#sampler = new Sampler(() => kernel.clock.now());
  }

  /**
   * Runs one invocation to its end; a function error is an outcome, not an exception.
   * @throws AwsError `TooManyRequestsException` (429) without running anything; whatever assuming the role throws
   */
  async invoke(target: Target, request: InvokeRequest): Promise<Outcome> {
    const { name } = target.record;
    const { requestId, payload, clientContext, traceHeader } = request;
    const trace = beginTrace(this.#kernel, this.#sampler, target, traceHeader);
    const reason = this.#throttleReason(target.record);
    if (reason) {
      trace.throttled(requestId);
      this.#kernel.measure(NAMESPACE, { FunctionName: name }, { Throttles: 1 });
      throw tooManyRequests(reason);
    }
    this.#running.set(name, this.#runningOf(name) + 1);
    try {
      const invocation = {
        requestId,
        functionArn: target.arn,
        payload,
        traceId: trace.header,
        ...(clientContext ? { clientContext } : {}),
      };
      const { outcome, runAt } = await this.#run(target.version, invocation);
      const { initMs, error, durationMs } = outcome;
      this.#measure(name, { Errors: error ? 1 : 0, Duration: durationMs });
      const run = { requestId, runAt, endAt: this.#kernel.clock.now() };
      trace.finish({ ...run, ...(initMs === undefined ? {} : { initMs }), ...(error ? { error } : {}) });
      return outcome;
    } finally {
      this.#running.set(name, this.#runningOf(name) - 1);
    }
  }

  /** https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html */
  #measure(FunctionName: string, outcome: { readonly Errors: number; readonly Duration: number }): void {
    const ConcurrentExecutions = this.#runningOf(FunctionName);
    this.#kernel.measure(
      NAMESPACE,
      { FunctionName },
      { Invocations: 1, Throttles: 0, ConcurrentExecutions, ...outcome },
    );
  }

  async #run(fn: FunctionVersion, invocation: Invocation): Promise<{ outcome: Outcome; runAt: number }> {
    const environment = await this.#pool.acquire(fn);
    try {
      const runAt = this.#kernel.clock.now();
      return { runAt, outcome: await environment.invoke(invocation) };
    } finally {
      this.#pool.release(environment);
    }
  }

  #throttleReason(record: FunctionRecord): string | undefined {
    const reserved = record.reservedConcurrency;
    if (reserved !== undefined)
      return this.#runningOf(record.name) >= reserved ? "ReservedFunctionConcurrentInvocationLimitExceeded" : undefined;
    const unreserved = this.#registry
      .all()
      .filter((other) => other.reservedConcurrency === undefined)
      .reduce((sum, other) => sum + this.#runningOf(other.name), 0);
    const limit = ACCOUNT_CONCURRENCY - this.#registry.reservedTotal();
    return unreserved >= limit ? "ConcurrentInvocationLimitExceeded" : undefined;
  }

  #runningOf(name: string): number {
    return this.#running.get(name) ?? 0;
  }
}

/** https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_Errors */
function tooManyRequests(reason: string): AwsError {
  return new AwsError("TooManyRequestsException", "Rate Exceeded.", {
    status: 429,
    body: { Reason: reason, Type: "User" },
  });
}
