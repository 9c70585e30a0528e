import type { ExecutionRecord } from "../execution.ts";
import type { StatesContext } from "../service.ts";
import { invalid, page, requiredString } from "./input.ts";
import { type ListInput, listItem } from "./records.ts";

/** The children of a Map Run that have started, newest first. Only those of the page are read from the disk. */
export function listChildren({ executions, mapRuns }: StatesContext, input: ListInput) {
  if (input.stateMachineArn !== undefined)
    throw invalid("Value at 'stateMachineArn' failed to satisfy constraint: Give it or 'mapRunArn', not both");
  const mapRun = mapRuns.get(requiredString({ ...input }, "mapRunArn"));
  const indexes: number[] = [];
  for (let index = mapRun.size - 1; index >= 0; index -= 1) {
    const status = mapRun.status(index);
    if (status === "PENDING" || (input.statusFilter !== undefined && input.statusFilter !== status)) continue;
    indexes.push(index);
  }
  const { items, nextToken } = page(indexes, input);
  const shown = items.map((index) => {
    const record = executions.find(mapRun.childArn(index))?.record ?? mapRun.endedChild(index);
    const itemCount = mapRun.spool.items[index];
    const status = mapRun.status(index);
    return { ...listItem(record as ExecutionRecord), status, mapRunArn: mapRun.arn, itemCount };
  });
  return { executions: shown, ...(nextToken ? { nextToken } : {}) };
}
