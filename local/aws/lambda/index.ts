import { availableParallelism, totalmem } from "node:os";
import type { Kernel } from "../kernel/kernel.ts";
import type { Service } from "../kernel/service.ts";
import { type AsyncEvent, AsyncQueue } from "./asynchronous.ts";
import { removeUnused } from "./code.ts";
import { Environment } from "./environment.ts";
import { Invoker } from "./invoker.ts";
import { Mappings } from "./mapping/mappings.ts";
import { lambdaOperations } from "./operations.ts";
import { Pool } from "./pool.ts";
import { Registry } from "./registry.ts";
import { lambdaResources } from "./resources.ts";
import { WIRE } from "./wire.ts";

export interface LambdaOptions {
  /** Folder of the packaged zips. */
  readonly artifacts: string;
  /** Cold starts at the same time; default: one per two processors, at least two. */
  readonly maxStarting?: number;
  /** Environments of one function that start without hesitation; default: one per processor. */
  readonly eager?: number;
  /** Real milliseconds before another one starts while those are busy; default: about a cold start on a busy machine. */
  readonly patienceMs?: number;
  /** Function processes alive at the same time; default: what half of the machine's memory holds. */
  readonly maxEnvironments?: number;
  /** Real milliseconds until an unused process ends; default five minutes. */
  readonly idleMs?: number;
  /** Longest init phase in real milliseconds; default ten seconds, as on AWS. */
  readonly initLimitMs?: number;
}

const PATIENCE_MS = 1000;
/** A process of a connector takes about this much memory when idle. */
const BYTES_PER_ENVIRONMENT = 96 * 2 ** 20;

interface LambdaState {
  readonly events: readonly AsyncEvent[];
}

/**
 * Lambda: runs the packaged functions, each environment in a process of its own.
 * https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
 *
 * The functions come from the template at every boot; a snapshot holds the asynchronous events not finished yet.
 */
export function createLambda(kernel: Kernel, options: LambdaOptions): Service {
  const { initLimitMs = 10_000, idleMs = 300_000 } = options;
  const registry = new Registry();
  const pool = new Pool({
    create: (fn) => new Environment(kernel, fn, initLimitMs),
    eager: options.eager ?? availableParallelism(),
    patienceMs: options.patienceMs ?? PATIENCE_MS,
    maxStarting: options.maxStarting ?? Math.max(2, Math.ceil(availableParallelism() / 2)),
    maxEnvironments: options.maxEnvironments ?? Math.max(8, Math.floor(totalmem() / 2 / BYTES_PER_ENVIRONMENT)),
    idleMs,
  });
  const invoker = new Invoker(kernel, registry, pool);
  const asynchronous = new AsyncQueue(kernel, registry);
  const mappings = new Mappings(kernel, registry);
  return {
    name: "lambda",
    wire: WIRE,
    operations: lambdaOperations({ kernel, registry, invoker, asynchronous, mappings }),
    resources: lambdaResources({ kernel, registry, mappings, pool, artifacts: options.artifacts }),
    snapshot: (): LambdaState => ({ events: asynchronous.snapshot() }),
    restore: (state) => asynchronous.restore((state as LambdaState).events),
    start: () => {
      removeUnused();
      mappings.start();
      asynchronous.start();
    },
    stop: async () => {
      asynchronous.stop();
      await mappings.stop();
      await pool.stop();
    },
  };
}
