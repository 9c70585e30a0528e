import type { Kernel } from "../kernel/kernel.ts";
import { page } from "../kernel/page.ts";
import type { Access, CallContext, Operation } from "../kernel/service.ts";
import type { AsyncQueue } from "./asynchronous.ts";
import { describeFunction, describeInvokeConfig, describeTarget } from "./describe.ts";
import { canReserve, type Invoker, UNRESERVED_MINIMUM } from "./invoker.ts";
import { describeMapping, invalid, mappingArn } from "./mapping/mapping.ts";
import type { Mappings } from "./mapping/mappings.ts";
import { checkPayload } from "./payload.ts";
import { invokeAccess, statementsOf } from "./policy.ts";
import { LATEST, notFound, parseFunctionName, type Registry } from "./registry.ts";

export interface Parts {
  readonly kernel: Kernel;
  readonly registry: Registry;
  readonly invoker: Invoker;
  readonly asynchronous: AsyncQueue;
  readonly mappings: Mappings;
}

interface FunctionInput {
  readonly FunctionName: unknown;
  readonly Qualifier?: string;
}

interface InvokeInput extends FunctionInput {
  readonly InvocationType?: string;
  readonly Payload?: string;
  readonly LogType?: string;
  /** Base64 of the client context's JSON. */
  readonly ClientContext?: string;
}

/** The operations of Lambda that the twin knows. https://docs.aws.amazon.com/lambda/latest/api/API_Operations.html */
export function lambdaOperations(parts: Parts): Record<string, Operation> {
  return {
    Invoke: {
      access: (input, context) => invokeAccess(parts.registry, input, context),
      run: (input, context) => invoke(parts, input, context),
    },
    ...functionOperations(parts),
    ...mappingOperations(parts),
  };
}

async function invoke(parts: Parts, input: InvokeInput, context: CallContext): Promise<unknown> {
  const { InvocationType = "RequestResponse", LogType = "None", ClientContext } = input;
  const target = parts.registry.resolve(input.FunctionName, input.Qualifier);
  const { requestId, traceHeader } = context;
  if (InvocationType === "DryRun") return { StatusCode: 204, Payload: "" };
  if (InvocationType !== "Event" && InvocationType !== "RequestResponse")
    throw invalid(`InvocationType must be RequestResponse, Event or DryRun, not '${InvocationType}'`);
  const payload = checkPayload(input.Payload, InvocationType);
  if (InvocationType === "Event") {
    parts.asynchronous.accept(target, payload, requestId, traceHeader);
    return { StatusCode: 202, Payload: "" };
  }
  const outcome = await parts.invoker.invoke(target, {
    requestId,
    payload,
    ...(traceHeader ? { traceHeader } : {}),
    ...(ClientContext ? { clientContext: Buffer.from(ClientContext, "base64").toString() } : {}),
  });
  return {
    StatusCode: 200,
    ExecutedVersion: target.version.version,
    ...(outcome.error ? { FunctionError: "Unhandled" } : {}),
    ...(LogType === "Tail" ? { LogResult: Buffer.from(outcome.logTail).toString("base64") } : {}),
    Payload: outcome.payload,
  };
}

function functionOperations({ registry }: Parts): Record<string, Operation> {
  return {
    GetFunction: {
      access: onFunction("GetFunction"),
      run: (input: FunctionInput) => describeTarget(registry.resolve(input.FunctionName, input.Qualifier)),
    },
    GetFunctionConfiguration: {
      access: onFunction("GetFunctionConfiguration"),
      run: (input: FunctionInput) => {
        const { version, arn } = registry.resolve(input.FunctionName, input.Qualifier);
        return describeFunction(version, arn);
      },
    },
    ListFunctions: {
      access: () => [{ action: "lambda:ListFunctions", resource: "*" }],
      run: ({ MaxItems, Marker }: { MaxItems?: string | number; Marker?: string }) => {
        const all = registry.all().map(({ latest }) => describeFunction(latest));
        const { items, nextToken } = page(all, MaxItems === undefined ? 50 : Number(MaxItems), Marker);
        return { Functions: items, ...(nextToken ? { NextMarker: nextToken } : {}) };
      },
    },
    GetPolicy: {
      access: onFunction("GetPolicy"),
      run: (input: FunctionInput) => {
        const { record, qualifier } = registry.resolve(input.FunctionName, input.Qualifier);
        const Statement = statementsOf(record, qualifier);
        if (Statement.length === 0) throw notFound("The resource you requested does not exist.");
        const Policy = JSON.stringify({ Version: "2012-10-17", Id: "default", Statement });
        return { Policy, RevisionId: record.latest.revisionId };
      },
    },
    GetFunctionEventInvokeConfig: {
      access: onFunction("GetFunctionEventInvokeConfig"),
      run: (input: FunctionInput) => {
        const target = registry.resolve(input.FunctionName, input.Qualifier);
        const config = target.record.invokeConfigs.get(target.qualifier ?? LATEST);
        if (!config) throw notFound(`The function ${target.arn} doesn't have an EventInvokeConfig`);
        return describeInvokeConfig(target, config);
      },
    },
    ...concurrencyOperations(registry),
  };
}

function concurrencyOperations(registry: Registry): Record<string, Operation> {
  return {
    PutFunctionConcurrency: {
      access: onFunction("PutFunctionConcurrency"),
      run: (input: FunctionInput & { ReservedConcurrentExecutions: unknown }) => {
        const { record } = registry.resolve(input.FunctionName);
        const amount = input.ReservedConcurrentExecutions;
        if (!Number.isInteger(amount) || Number(amount) < 0)
          throw invalid("ReservedConcurrentExecutions must be an integer of at least 0");
        if (!canReserve(registry, record, Number(amount)))
          throw invalid(
            `Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [${UNRESERVED_MINIMUM}].`,
          );
        record.reservedConcurrency = Number(amount);
        return { ReservedConcurrentExecutions: amount };
      },
    },
    DeleteFunctionConcurrency: {
      access: onFunction("DeleteFunctionConcurrency"),
      run: (input: FunctionInput) => {
        registry.resolve(input.FunctionName).record.reservedConcurrency = undefined;
        return {};
      },
    },
  };
}

function mappingOperations({ registry, mappings }: Parts): Record<string, Operation> {
  return {
    ListEventSourceMappings: {
      access: () => [{ action: "lambda:ListEventSourceMappings", resource: "*" }],
      run: ({ EventSourceArn, FunctionName, MaxItems, Marker }: Record<string, string | undefined>) => {
        const functionArn = FunctionName && registry.resolve(FunctionName).arn;
        const matching = mappings
          .all()
          .filter(({ config }) => !EventSourceArn || config.queueArn === EventSourceArn)
          .filter(({ config }) => !functionArn || config.functionArn === functionArn);
        const limit = MaxItems === undefined ? 100 : Number(MaxItems);
        const { items, nextToken } = page(matching.map(describeMapping), limit, Marker);
        return { EventSourceMappings: items, ...(nextToken ? { NextMarker: nextToken } : {}) };
      },
    },
    GetEventSourceMapping: {
      access: onMapping("GetEventSourceMapping"),
      run: ({ UUID }: { UUID: string }) => describeMapping(mappings.get(UUID)),
    },
    UpdateEventSourceMapping: {
      access: onMapping("UpdateEventSourceMapping"),
      run: async ({ UUID, Enabled, ...others }: { UUID: string; Enabled?: unknown; [member: string]: unknown }) => {
        const other = Object.keys(others)[0];
        if (other) throw invalid(`The twin changes only Enabled of an event source mapping, not ${other}`);
        if (typeof Enabled !== "boolean") throw invalid("Enabled must be true or false");
        return describeMapping(await mappings.setEnabled(UUID, Enabled));
      },
    },
  };
}

function onFunction(operation: string) {
  return (input: FunctionInput): readonly Access[] => [
    { action: `lambda:${operation}`, resource: parseFunctionName(input.FunctionName, input.Qualifier).arn },
  ];
}

function onMapping(operation: string) {
  return ({ UUID }: { UUID: string }): readonly Access[] => [
    { action: `lambda:${operation}`, resource: mappingArn(String(UUID)) },
  ];
}
