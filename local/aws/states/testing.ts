import { createClock } from "../kernel/clock.ts";
import type { Identities } from "../kernel/identities.ts";
import { ADMINISTRATOR, Kernel } from "../kernel/kernel.ts";
import { arn } from "../kernel/names.ts";
import type { CallContext, SegmentDocument, Service } from "../kernel/service.ts";
import { allowAll } from "../testing.ts";
import { createStates, type HistoryEvent, rememberedExecutions } from "./index.ts";
import type { JsonObject } from "./json.ts";

// biome-ignore lint/suspicious/noExplicitAny: tests know the shapes they ask for
type Any = any;

export const ROLE = "arn:aws:iam::123456789012:role/flow";
export const INVOKE = "arn:aws:states:::lambda:invoke";

/** A service whose operations are plain functions; each may be called by anyone IAM lets call it. */
export function fakeService(
  name: string,
  operations: Readonly<Record<string, (input: Any, context: CallContext) => unknown>>,
): Service {
  return {
    name,
    wire: { kind: "json", version: "1.0", targetPrefix: name },
    operations: Object.fromEntries(
      Object.entries(operations).map(([operation, run]) => [
        operation,
        { access: () => [{ action: `${name}:${operation}`, resource: `arn:aws:${name}:::x` }], run },
      ]),
    ),
  };
}

/** A function service that answers `Invoke` with what `handler` returns, or with the error it throws. */
export function fakeLambda(handler: (payload: Any, name: string) => unknown): Service {
  return fakeService("lambda", {
    async Invoke({ FunctionName, Payload }) {
      try {
        const result = await handler(JSON.parse(Payload ?? "{}"), FunctionName);
        return { StatusCode: 200, ExecutedVersion: "$LATEST", Payload: JSON.stringify(result ?? null) };
      } catch (cause) {
        if (!(cause instanceof FunctionFailure)) throw cause;
        const Payload = JSON.stringify({ errorType: cause.name, errorMessage: cause.message, trace: [] });
        return { StatusCode: 200, FunctionError: "Unhandled", Payload };
      }
    },
  });
}

/** What a function throws. */
export class FunctionFailure extends Error {
  constructor(name: string, message = "") {
    super(message);
    this.name = name;
  }
}

export interface Bench {
  readonly kernel: Kernel;
  readonly states: Service;
  readonly segments: SegmentDocument[];
  /** Calls an operation as the administrator. */
  api(operation: string, input?: object, traceHeader?: string): Promise<Any>;
  /** Creates a state machine and gives its ARN. */
  machine(definition: object, options?: object): Promise<string>;
  /** Runs a definition as EXPRESS and gives the answer of StartSyncExecution. */
  sync(definition: object, input?: unknown, options?: object): Promise<Any>;
  /** Runs a definition as STANDARD to its end and gives DescribeExecution. */
  run(definition: object, input?: unknown, options?: object): Promise<Any>;
  /** Resolves with DescribeExecution once the execution has ended. */
  ended(executionArn: string): Promise<Any>;
  history(executionArn: string): readonly HistoryEvent[];
  types(executionArn: string): string[];
}

export interface BenchOptions {
  readonly scale?: number;
  readonly identities?: Identities;
  readonly stateDir?: string;
}

/** A kernel with Step Functions and the given services. */
export function bench(
  services: readonly Service[] = [],
  { scale = 1000, identities = allowAll(), stateDir }: BenchOptions = {},
): Bench {
  const kernel = new Kernel(createClock(scale), identities);
  const states = createStates(kernel, stateDir ? { stateDir } : {});
  for (const service of [states, ...services]) kernel.register(service);
  const segments: SegmentDocument[] = [];
  kernel.on("segment", (segment) => segments.push(segment));
  let machines = 0;
  const history = (executionArn: string) =>
    rememberedExecutions(states).find((execution) => execution.arn === executionArn)?.events ?? [];

  const self: Bench = {
    kernel,
    states,
    segments,
    api: (operation, input = {}, traceHeader) =>
      kernel.call("states", operation, input, { principal: ADMINISTRATOR, ...(traceHeader ? { traceHeader } : {}) }),
    async machine(definition, options = {}) {
      machines += 1;
      const text = JSON.stringify({ QueryLanguage: "JSONata", ...definition });
      const input = { name: `machine-${machines}`, definition: text, roleArn: ROLE, ...options };
      return (await self.api("CreateStateMachine", input)).stateMachineArn;
    },
    async sync(definition, input = {}, options = {}) {
      const stateMachineArn = await self.machine(definition, { type: "EXPRESS", ...options });
      return self.api("StartSyncExecution", { stateMachineArn, input: JSON.stringify(input) });
    },
    async run(definition, input = {}, options = {}) {
      const stateMachineArn = await self.machine(definition, options);
      const { executionArn } = await self.api("StartExecution", { stateMachineArn, input: JSON.stringify(input) });
      return self.ended(executionArn);
    },
    async ended(executionArn) {
      for (;;) {
        const description = await self.api("DescribeExecution", { executionArn });
        if (description.status !== "RUNNING") return description;
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
    history,
    types: (executionArn) => history(executionArn).map(({ type }) => type),
  };
  return self;
}

/** A machine of one state that ends. */
export function only(state: JsonObject, name = "Only"): JsonObject {
  return { StartAt: name, States: { [name]: { ...state, End: true } } };
}

/** Resolves when a condition holds. */
export async function until<T>(condition: () => T | undefined | false): Promise<T> {
  for (;;) {
    const value = condition();
    if (value) return value;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

export function functionArn(name: string): string {
  return arn("lambda", `function:${name}`);
}
