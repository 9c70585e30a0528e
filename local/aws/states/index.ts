import type { ExecutionStatus } from "@aws-sdk/client-sfn";
import type { Kernel } from "../kernel/kernel.ts";
import type { Service } from "../kernel/service.ts";
import { executionOperations } from "./api/executions.ts";
import { machineOperations } from "./api/machines.ts";
import { mapRunOperations } from "./api/map-runs.ts";
import { tagOperations } from "./api/tags.ts";
import { taskOperations } from "./api/tasks.ts";
import type { HistoryEvent } from "./history.ts";
import { stateMachineProviders } from "./resources.ts";
import { createContext, type StatesContext } from "./service.ts";
import { restoreSnapshot, takeSnapshot } from "./snapshot.ts";

export type { HistoryEvent } from "./history.ts";

/** An execution as the twin remembers it, EXPRESS ones included. */
export interface RememberedExecution {
  readonly arn: string;
  readonly name: string;
  readonly machineName: string;
  readonly type: "STANDARD" | "EXPRESS";
  readonly status: ExecutionStatus;
  /** Epoch milliseconds. */
  readonly startDate: number;
  readonly stopDate?: number;
  /** JSON text. */
  readonly input: string;
  readonly output?: string;
  readonly error?: string;
  readonly cause?: string;
  /** X-Ray trace id. */
  readonly traceId?: string;
  readonly events: readonly HistoryEvent[];
}

const contexts = new WeakMap<Service, StatesContext>();

/**
 * AWS Step Functions in JSONata mode. https://docs.aws.amazon.com/step-functions/latest/dg/welcome.html
 * @param options `stateDir` keeps the data of Map Runs over restarts, beside the snapshot
 */
export function createStates(kernel: Kernel, { stateDir }: { readonly stateDir?: string } = {}): Service {
  const context = createContext(kernel, stateDir);
  const { executions, mapRuns, log } = context;
  const service: Service = {
    name: "states",
    wire: { kind: "json", version: "1.0", targetPrefix: "AWSStepFunctions" },
    operations: {
      ...machineOperations(context),
      ...executionOperations(context),
      ...mapRunOperations(context),
      ...taskOperations(context),
      ...tagOperations(context),
    },
    resources: stateMachineProviders(context),
    snapshot: () => takeSnapshot(context),
    restore: (state) => restoreSnapshot(state, context),
    start: () => executions.resume(),
    stop: async () => {
      await executions.shutdown();
      await log.flushed();
      mapRuns.close();
    },
  };
  contexts.set(service, context);
  return service;
}

/**
 * The executions that the twin remembers, newest first, with their histories: for tests and the console. The API
 * never shows the history of an EXPRESS execution.
 * @throws Error when the service was not made by createStates
 */
export function rememberedExecutions(service: Service): RememberedExecution[] {
  const context = contexts.get(service);
  if (!context) throw new Error("This service is not Step Functions: it was not made by createStates.");
  return context.executions.all().map(({ record }) => {
    const { machine, position: _position, trace, traceHeader: _header, ...rest } = record;
    return {
      ...rest,
      machineName: machine.name,
      type: machine.type,
      ...(trace ? { traceId: trace.root } : {}),
    };
  });
}
