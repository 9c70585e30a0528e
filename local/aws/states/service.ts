import { join } from "node:path";
import type { Kernel } from "../kernel/kernel.ts";
import { MapRuns } from "./distributed/map-runs.ts";
import { Executions } from "./executions.ts";
import { createResolver } from "./integrations/index.ts";
import type { Resolver } from "./integrations/types.ts";
import { ExecutionLog } from "./logging.ts";
import { Machines } from "./machines.ts";
import { TaskTokens } from "./tokens.ts";

/** The parts of the service, as its operations and providers use them. */
export interface StatesContext {
  readonly kernel: Kernel;
  readonly machines: Machines;
  readonly executions: Executions;
  readonly mapRuns: MapRuns;
  readonly tokens: TaskTokens;
  readonly resolve: Resolver;
  readonly log: ExecutionLog;
}

/** @param stateDir keeps the data of Map Runs over restarts */
export function createContext(kernel: Kernel, stateDir: string | undefined): StatesContext {
  const resolve = createResolver((service, operation) =>
    kernel.services().some(({ name, operations }) => name === service && Object.hasOwn(operations, operation)),
  );
  const tokens = new TaskTokens();
  const log = new ExecutionLog(kernel);
  const mapRuns = new MapRuns(stateDir ? join(stateDir, "states-map-runs") : undefined);
  const executions = new Executions({
    ...{ kernel, tokens, resolve, mapRuns },
    log: (record, event) => log.add(record, event),
  });
  return { kernel, machines: new Machines(), executions, mapRuns, tokens, resolve, log };
}
