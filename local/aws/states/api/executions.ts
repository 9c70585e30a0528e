import { randomUUID } from "node:crypto";
import type { Clock } from "../../kernel/clock.ts";
import { AwsError } from "../../kernel/errors.ts";
import type { CallContext, Operation } from "../../kernel/service.ts";
import { Interruption, StateError } from "../errors.ts";
import type { Execution, ExecutionRecord } from "../execution.ts";
import { MAX_EVENTS, withoutData } from "../history.ts";
import { executionArn, type Machine } from "../machines.ts";
import type { StatesContext } from "../service.ts";
import { listChildren } from "./children.ts";
import { checkExecutionInput, checkName, page, requiredString, seconds } from "./input.ts";
import { type ListInput, listItem, recordOf } from "./records.ts";

/** https://docs.aws.amazon.com/step-functions/latest/dg/redrive-executions.html */
const REDRIVE_WINDOW_MS = 14 * 24 * 3600 * 1000;
const MAX_REDRIVES = 1_000;
const BILLING_STEP_MS = 100;

/** Operations on executions. https://docs.aws.amazon.com/step-functions/latest/apireference/API_Operations.html */
export function executionOperations(context: StatesContext): Record<string, Operation> {
  const { executions, machines } = context;
  const record = (input: Record<string, unknown>) => recordOf(context, requiredString(input, "executionArn"));
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
        const { arn, machine, stopDate } = record(input);
        if (machine.type === "EXPRESS") throw expressNotSupported();
        await executions.find(arn)?.interrupt(new Interruption("stopped", new StateError(input.error, input.cause)));
        return { stopDate: seconds(stopDate ?? record(input).stopDate ?? context.kernel.clock.now()) };
      },
    },
    DescribeExecution: {
      access: (input) => [{ action: "states:DescribeExecution", resource: input.executionArn ?? "*" }],
      run: (input) => describe(record(input), context.kernel.clock),
    },
    ListExecutions: {
      access: (input) => [
        { action: "states:ListExecutions", resource: input.mapRunArn ?? input.stateMachineArn ?? "*" },
      ],
      run: (input) => (input.mapRunArn === undefined ? list(context, input) : listChildren(context, input)),
    },
    GetExecutionHistory: {
      access: (input) => [{ action: "states:GetExecutionHistory", resource: input.executionArn ?? "*" }],
      run: (input) => {
        const { events: known, machine } = record(input);
        if (machine.type === "EXPRESS") throw expressNotSupported();
        const all = [...known];
        const { items, nextToken } = page(input.reverseOrder ? all.reverse() : all, input);
        const events = input.includeExecutionData === false ? items.map(withoutData) : items;
        return { events, ...(nextToken ? { nextToken } : {}) };
      },
    },
    RedriveExecution: {
      access: (input) => [{ action: "states:RedriveExecution", resource: input.executionArn ?? "*" }],
      run: (input) => {
        const { arn, machine, mapRunArn } = record(input);
        if (machine.type === "EXPRESS") throw expressNotSupported();
        if (mapRunArn) throw new AwsError("ExecutionNotRedrivable", "Execution is redrivable by its Map Run only");
        const execution = executions.get(arn);
        const now = context.kernel.clock.now();
        const reason = notRedrivable(execution.record, context.kernel.clock);
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

function describe(record: ExecutionRecord, clock: Clock) {
  const { redriveDate, stopDate, output } = record;
  const reason = notRedrivable(record, clock);
  return {
    ...common(record),
    ...(stopDate === undefined ? {} : { stopDate: seconds(stopDate) }),
    ...(output === undefined ? {} : { outputDetails: { included: true } }),
    redriveCount: record.redriveCount,
    ...(redriveDate === undefined ? {} : { redriveDate: seconds(redriveDate) }),
    ...(reason
      ? { redriveStatus: "NOT_REDRIVABLE", redriveStatusReason: reason }
      : { redriveStatus: record.mapRunArn === undefined ? "REDRIVABLE" : "REDRIVABLE_BY_MAP_RUN" }),
    ...(record.mapRunArn === undefined ? {} : { mapRunArn: record.mapRunArn }),
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
function notRedrivable({ status, stopDate, events, redriveCount }: ExecutionRecord, clock: Clock): string | undefined {
  if (status === "RUNNING" || status === "SUCCEEDED") return `Execution is ${status} and cannot be redriven`;
  if (stopDate !== undefined && clock.elapsed(stopDate) > REDRIVE_WINDOW_MS)
    return "Execution has exceeded its redrivable period";
  if (events.length >= MAX_EVENTS - 1) return "Execution has reached the maximum number of history events";
  if (redriveCount >= MAX_REDRIVES) return "Execution has reached the maximum number of redrives";
  return undefined;
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

/** As AWS answers for the ARN of an EXPRESS execution. */
function expressNotSupported(): AwsError {
  return new AwsError("InvalidArn", "Invalid Arn: 'Resource type not valid in this context: express'");
}

function typeNotSupported(): AwsError {
  return new AwsError("StateMachineTypeNotSupported", "This operation is not supported by this type of state machine");
}
