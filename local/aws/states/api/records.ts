import { AwsError } from "../../kernel/errors.ts";
import { arnResource } from "../../kernel/names.ts";
import type { ExecutionRecord } from "../execution.ts";
import type { StatesContext } from "../service.ts";
import { seconds } from "./input.ts";

/** Whether an ARN names the execution of a Map Run's child: its machine is called `machine/label`. */
export function isChildArn(executionArn: string): boolean {
  return (arnResource(executionArn).split(":")[1] ?? "").includes("/");
}

/**
 * An execution as the API may show it: a STANDARD one, or a child of a Map Run of either type.
 * @throws AwsError `InvalidArn`, `ExecutionDoesNotExist`
 */
export function recordOf({ executions, mapRuns }: StatesContext, executionArn: string): ExecutionRecord {
  if (!isChildArn(executionArn)) return executions.get(executionArn).record;
  const record = executions.find(executionArn)?.record ?? mapRuns.endedChild(executionArn)?.record;
  if (!record) throw new AwsError("ExecutionDoesNotExist", `Execution Does Not Exist: '${executionArn}'`);
  return record;
}

/** What ListExecutions asks for: the executions of a machine, or those of a Map Run. */
export interface ListInput {
  readonly mapRunArn?: string;
  readonly stateMachineArn?: string;
  readonly statusFilter?: string;
  readonly redriveFilter?: "REDRIVEN" | "NOT_REDRIVEN";
  readonly maxResults?: number;
  readonly nextToken?: string;
}

/** An execution as ListExecutions shows it. */
export function listItem({
  arn,
  machine,
  name,
  status,
  startDate,
  stopDate,
  redriveCount,
  redriveDate,
}: ExecutionRecord) {
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
