import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import {
  DescribeExecutionCommand,
  DescribeMapRunCommand,
  type ExecutionStatus,
  ListExecutionsCommand,
  paginateListMapRuns,
  paginateListStateMachines,
  RedriveExecutionCommand,
  SFNClient,
  StartExecutionCommand,
  StopExecutionCommand,
} from "@aws-sdk/client-sfn";
import { DynamoDBDocumentClient, GetCommand, UpdateCommand } from "@aws-sdk/lib-dynamodb";
import { z } from "zod";
import { clientOptions } from "../endpoint.ts";
import type { Stack } from "../stack.ts";

/** What a backfill will take. */
export const planSchema = z.looseObject({
  records: z.number(),
  salesforce: z.looseObject({ apiCalls: z.number(), callsLeft: z.number(), reserve: z.number() }),
  usd: z.number(),
  billingMinutes: z.number(),
});

const progressSchema = z.looseObject({
  orgId: z.string(),
  total: z.number(),
  pages: z.number(),
  compared: z.number(),
  sent: z.number(),
  equal: z.number(),
  unusable: z.number(),
  parked: z.number(),
  startedAt: z.string(),
});

/** How far a backfill is. */
export interface Status extends z.infer<typeof progressSchema> {
  readonly name: string;
  readonly state: "running" | "paused" | "finished" | "failed" | "stopped";
  /** Why it failed. */
  readonly error?: string;
  /** Epoch milliseconds. */
  readonly endedAt?: number;
}

/** The backfills of one fleet. A name that is left out means the newest; undefined when there is none. */
export interface Backfills {
  plan(orgId: string): Promise<z.infer<typeof planSchema>>;
  start(orgId: string, settings: { pageSize: number; maxConcurrency: number }): Promise<string>;
  status(name: string | undefined): Promise<Status | undefined>;
  pause(name: string | undefined): Promise<string | undefined>;
  resume(name: string | undefined): Promise<string | undefined>;
  stop(name: string | undefined): Promise<string | undefined>;
}

const POLL_MS = 500;
const STATES: Partial<Record<ExecutionStatus, Status["state"]>> = {
  SUCCEEDED: "finished",
  FAILED: "failed",
  TIMED_OUT: "failed",
  ABORTED: "stopped",
};

export function isOver({ state }: Status): boolean {
  return state !== "running" && state !== "paused";
}

/** @throws Error of one sentence when the stage has no backfill machine */
export async function connectBackfills(stack: Stack): Promise<Backfills> {
  const options = clientOptions();
  const sfn = new SFNClient(options);
  const table = DynamoDBDocumentClient.from(new DynamoDBClient(options));
  const TableName = stack.name("salesforce-state");
  const stateMachineArn = await findMachine(sfn, stack.name("backfill"));

  const begin = async (input: object, prefix: string) => {
    const name = `${prefix}-${new Date().toISOString().slice(0, 19).replace(/[-:]/g, "")}`;
    const command = new StartExecutionCommand({ stateMachineArn, name, input: JSON.stringify(input) });
    return { name, executionArn: (await sfn.send(command)).executionArn as string };
  };

  /** The execution with this name, or the newest that was no dry run. */
  async function find(name: string | undefined) {
    let nextToken: string | undefined;
    do {
      const page = await sfn.send(new ListExecutionsCommand({ stateMachineArn, maxResults: 100, nextToken }));
      const found = page.executions?.find((one) => (name ? one.name === name : one.name?.startsWith("backfill-")));
      if (found) return { name: found.name as string, executionArn: found.executionArn as string };
      nextToken = page.nextToken;
    } while (nextToken);
    return undefined;
  }

  async function setPaused(name: string, paused: boolean): Promise<void> {
    const update = { UpdateExpression: "SET paused = :paused", ExpressionAttributeValues: { ":paused": paused } };
    await table.send(new UpdateCommand({ TableName, Key: { key: `backfill/${name}` }, ...update }));
  }

  /** Records that the running page's map has finished. */
  async function loadedOfPage(executionArn: string): Promise<number> {
    let loaded = 0;
    for await (const page of paginateListMapRuns({ client: sfn }, { executionArn }))
      for (const { mapRunArn, stopDate } of page.mapRuns ?? [])
        if (!stopDate) {
          const { itemCounts } = await sfn.send(new DescribeMapRunCommand({ mapRunArn }));
          loaded += Number(itemCounts?.succeeded ?? 0);
        }
    return loaded;
  }

  return {
    async plan(orgId) {
      const { executionArn } = await begin({ orgId, dryRun: true }, "plan");
      for (;;) {
        const { status, output, error, cause } = await sfn.send(new DescribeExecutionCommand({ executionArn }));
        if (status === "SUCCEEDED") return planSchema.parse(JSON.parse(output ?? "null"));
        if (status !== "RUNNING") throw new Error(`the plan failed: ${error ?? status}: ${reasonOf(cause)}`);
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      }
    },

    async start(orgId, settings) {
      return (await begin({ orgId, ...settings }, "backfill")).name;
    },

    async status(given) {
      const run = await find(given);
      if (!run) return undefined;
      const { executionArn, name } = run;
      const execution = await sfn.send(new DescribeExecutionCommand({ executionArn }));
      const { Item } = await table.send(
        new GetCommand({ TableName, Key: { key: `backfill/${name}` }, ConsistentRead: true }),
      );
      const startedAt = execution.startDate?.toISOString() ?? "";
      const { orgId } = JSON.parse(execution.input ?? "{}");
      const progress = progressSchema.parse(Item?.value ?? { ...NOTHING, startedAt, orgId });
      const state = STATES[execution.status as ExecutionStatus] ?? (Item?.paused ? "paused" : "running");
      const inPage = state === "running" ? await loadedOfPage(executionArn) : 0;
      return {
        ...progress,
        name,
        state,
        compared: Math.min(progress.compared + inPage, Math.max(progress.total, progress.compared)),
        ...(state === "failed"
          ? { error: `${execution.error ?? execution.status}: ${reasonOf(execution.cause)}` }
          : {}),
        ...(execution.stopDate ? { endedAt: execution.stopDate.getTime() } : {}),
      };
    },

    async pause(given) {
      const run = await find(given);
      if (run) await setPaused(run.name, true);
      return run?.name;
    },

    async resume(given) {
      const run = await find(given);
      if (!run) return undefined;
      await setPaused(run.name, false);
      const { status } = await sfn.send(new DescribeExecutionCommand({ executionArn: run.executionArn }));
      if (status !== "RUNNING" && status !== "SUCCEEDED")
        await sfn.send(new RedriveExecutionCommand({ executionArn: run.executionArn }));
      return run.name;
    },

    async stop(given) {
      const run = await find(given);
      if (run)
        await sfn.send(new StopExecutionCommand({ executionArn: run.executionArn, cause: "fleet backfill stop" }));
      return run?.name;
    },
  };
}

const NOTHING = { total: 0, pages: 0, compared: 0, sent: 0, equal: 0, unusable: 0, parked: 0 };

async function findMachine(client: SFNClient, name: string): Promise<string> {
  for await (const page of paginateListStateMachines({ client }, {}))
    for (const machine of page.stateMachines ?? []) if (machine.name === name) return machine.stateMachineArn as string;
  throw new Error(`there is no state machine '${name}'; deploy the fleet, or give another --stage`);
}

/** A cause is often the runtime's JSON; its message says enough. */
function reasonOf(cause: string | undefined): string {
  try {
    return JSON.parse(cause ?? "").errorMessage ?? cause;
  } catch {
    return cause ?? "no cause given";
  }
}
