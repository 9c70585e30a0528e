import { randomUUID } from "node:crypto";
import { AwsError } from "../../kernel/errors.ts";
import type { CallContext, Operation } from "../../kernel/service.ts";
import { Interruption, StateError } from "../errors.ts";
import type { Execution, ExecutionRecord } from "../execution.ts";
import { executionArn } from "../executions.ts";
import { MAX_EVENTS, withoutData } from "../history.ts";
import type { Machine } from "../machines.ts";
import type { StatesContext } from "../service.ts";
import { checkExecutionInput, checkName, page, requiredString, seconds } from "./input.ts";

const REDRIVE_WINDOW_MS = 14 * 24 * 3600 * 1000;
const BILLING_STEP_MS = 100;

/** Operations on executions. https://docs.aws.amazon.com/step-functions/latest/apireference/API_Operations.html */
export function executionOperations(context: StatesContext): Record<string, Operation> {
  const { executions, machines } = context;
  const find = (input: Record<string, unknown>) => executions.get(requiredString(input, "executionArn"));
  return {
    StartExecution: {
      access: (input) => [{ action: "states:StartExecution", resource: input.stateMachineArn ?? "*" }],
      run: (input, call) => {
        const { record } = start(context, machines.get(requiredString(input, "stateMachineArn")), input, call);
        return { executionArn: record.arn, startDate: seconds(record.startDate) };
      },
    },
    StartSyncExecution: {
      access: (input) => [{ action: "states:StartSyncExecution", resource: input.stateMachineArn ?? "*" }],
      run: async (input, call) => {
        const machine = machines.get(requiredString(input, "stateMachineArn"));
        if (machine.type !== "EXPRESS") throw typeNotSupported();
        const execution = start(context, machine, input, call);
        await execution.finished;
        return syncResult(execution.record);
      },
    },
    StopExecution: {
      access: (input) => [{ action: "states:StopExecution", resource: input.executionArn ?? "*" }],
      run: async (input) => {
        const execution = find(input);
        await execution.interrupt(new Interruption("stopped", new StateError(input.error, input.cause)));
        return { stopDate: seconds(execution.record.stopDate ?? context.kernel.clock.now()) };
      },
    },
    DescribeExecution: {
      access: (input) => [{ action: "states:DescribeExecution", resource: input.executionArn ?? "*" }],
      run: (input) => describe(find(input).record),
    },
    ListExecutions: {
      access: (input) => [{ action: "states:ListExecutions", resource: input.stateMachineArn ?? "*" }],
      run: (input) => list(context, input),
    },
    GetExecutionHistory: {
      access: (input) => [{ action: "states:GetExecutionHistory", resource: input.executionArn ?? "*" }],
      run: (input) => {
        const all = [...find(input).record.events];
        const { items, nextToken } = page(input.reverseOrder ? all.reverse() : all, input);
        const events = input.includeExecutionData === false ? items.map(withoutData) : items;
        return { events, ...(nextToken ? { nextToken } : {}) };
      },
    },
    RedriveExecution: {
      access: (input) => [{ action: "states:RedriveExecution", resource: input.executionArn ?? "*" }],
      run: (input) => {
        const execution = find(input);
        const now = context.kernel.clock.now();
        const reason = notRedrivable(execution.record, now);
        if (reason) throw new AwsError("ExecutionNotRedrivable", reason);
        execution.redrive(now);
        return { redriveDate: seconds(now) };
      },
    },
  };
}

interface StartInput {
  readonly name?: string;
  readonly input?: string;
  readonly traceHeader?: string;
}

function start({ executions }: StatesContext, machine: Machine, input: StartInput, call: CallContext): Execution {
  const name = input.name === undefined ? randomUUID() : checkName(input.name);
  const text = checkExecutionInput(input.input ?? "{}");
  const request = {
    name,
    input: text,
    ...(input.traceHeader === undefined ? {} : { traceHeader: input.traceHeader }),
    ...(call.traceHeader === undefined ? {} : { callHeader: call.traceHeader }),
  };
  return executions.start(machine, request, executionArn(machine, name, randomUUID()));
}

/** An answer is always 200; the status tells how it went. */
function syncResult(record: ExecutionRecord) {
  const stop = record.stopDate ?? record.startDate;
  const billed = Math.max(1, Math.ceil((stop - record.startDate) / BILLING_STEP_MS)) * BILLING_STEP_MS;
  return {
    ...common(record),
    stopDate: seconds(stop),
    outputDetails: { included: true },
    billingDetails: { billedDurationInMilliseconds: billed, billedMemoryUsedInMB: 64 },
  };
}

function describe(record: ExecutionRecord) {
  const { redriveDate, stopDate, output } = record;
  const reason = notRedrivable(record, Date.now());
  return {
    ...common(record),
    ...(stopDate === undefined ? {} : { stopDate: seconds(stopDate) }),
    ...(output === undefined ? {} : { outputDetails: { included: true } }),
    redriveCount: record.redriveCount,
    ...(redriveDate === undefined ? {} : { redriveDate: seconds(redriveDate) }),
    ...(reason ? { redriveStatus: "NOT_REDRIVABLE", redriveStatusReason: reason } : { redriveStatus: "REDRIVABLE" }),
  };
}

function common(record: ExecutionRecord) {
  const { arn, machine, name, status, startDate, input, output, error, cause, traceHeader } = record;
  return {
    executionArn: arn,
    stateMachineArn: machine.arn,
    name,
    status,
    startDate: seconds(startDate),
    input,
    inputDetails: { included: true },
    ...(output === undefined ? {} : { output }),
    ...(error === undefined ? {} : { error }),
    ...(cause === undefined ? {} : { cause }),
    ...(traceHeader === undefined ? {} : { traceHeader }),
  };
}

/** Why an execution cannot be redriven; `undefined` when it can. */
function notRedrivable({ status, stopDate, events }: ExecutionRecord, now: number): string | undefined {
  if (status === "RUNNING" || status === "SUCCEEDED") return `Execution is ${status} and cannot be redriven`;
  if (now - (stopDate ?? now) > REDRIVE_WINDOW_MS) return "Execution has exceeded its redrivable period";
  if (events.length >= MAX_EVENTS - 1) return "Execution has reached the maximum number of history events";
  return undefined;
}

interface ListInput {
  readonly stateMachineArn?: string;
  readonly statusFilter?: string;
  readonly redriveFilter?: "REDRIVEN" | "NOT_REDRIVEN";
  readonly maxResults?: number;
  readonly nextToken?: string;
}

function list({ executions, machines }: StatesContext, input: ListInput) {
  const machine = machines.get(requiredString({ ...input }, "stateMachineArn"));
  if (machine.type === "EXPRESS") throw typeNotSupported();
  const records = executions
    .all()
    .map(({ record }) => record)
    .filter(
      (record) =>
        record.machine.arn === machine.arn &&
        (input.statusFilter === undefined || record.status === input.statusFilter) &&
        (input.redriveFilter === undefined || record.redriveCount > 0 === (input.redriveFilter === "REDRIVEN")),
    );
  const { items, nextToken } = page(records, input);
  return { executions: items.map(listItem), ...(nextToken ? { nextToken } : {}) };
}

function listItem({ arn, machine, name, status, startDate, stopDate, redriveCount, redriveDate }: ExecutionRecord) {
  return {
    executionArn: arn,
    stateMachineArn: machine.arn,
    name,
    status,
    startDate: seconds(startDate),
    ...(stopDate === undefined ? {} : { stopDate: seconds(stopDate) }),
    redriveCount,
    ...(redriveDate === undefined ? {} : { redriveDate: seconds(redriveDate) }),
  };
}

function typeNotSupported(): AwsError {
  return new AwsError("StateMachineTypeNotSupported", "This operation is not supported by this type of state machine");
}
