import {
  DescribeExecutionCommand,
  type DescribeExecutionCommandOutput,
  DescribeMapRunCommand,
  ExecutionAlreadyExists,
  ExecutionDoesNotExist,
  GetExecutionHistoryCommand,
  paginateListExecutions,
  paginateListMapRuns,
  paginateListStateMachines,
  SFNClient,
  StartExecutionCommand,
  StopExecutionCommand,
} from "@aws-sdk/client-sfn";

/** A run as Step Functions describes it. */
export type Execution = DescribeExecutionCommandOutput;

const LATER_RUN = /-run-\d+$/;

/** The executions of the backfill machine. Those of one backfill are named after it: `name`, `name-run-2`, … */
export interface Executions {
  start(name: string, input: object): Promise<void>;
  /** As it is now; undefined when AWS does not know it (any more): it keeps them for 90 days. */
  describe(name: string): Promise<Execution | undefined>;
  stop(name: string): Promise<void>;
  /** Name of the backfill that was started or resumed last; undefined when AWS knows of none. */
  newest(): Promise<string | undefined>;
  /** Records that the running maps of a run have finished. */
  loading(name: string): Promise<number>;
  /** Why the last try of a run failed, when one did. */
  lastFailure(name: string): Promise<string | undefined>;
}

/** Name of the n-th run's execution. */
export function executionName(backfill: string, run: number): string {
  return run === 1 ? backfill : `${backfill}-run-${run}`;
}

export function isAlreadyStarted(error: unknown): boolean {
  return error instanceof ExecutionAlreadyExists;
}

/** @throws Error of one sentence when the stage has no machine of this name */
export async function connectExecutions(machineName: string, options: object): Promise<Executions> {
  const client = new SFNClient(options);
  const stateMachineArn = await findMachine(client, machineName);
  const arnOf = (name: string) => `${stateMachineArn.replace(":stateMachine:", ":execution:")}:${name}`;

  return {
    async start(name, input) {
      await client.send(new StartExecutionCommand({ stateMachineArn, name, input: JSON.stringify(input) }));
    },

    async describe(name) {
      try {
        return await client.send(new DescribeExecutionCommand({ executionArn: arnOf(name) }));
      } catch (error) {
        if (error instanceof ExecutionDoesNotExist) return undefined;
        throw error;
      }
    },

    async stop(name) {
      await client.send(new StopExecutionCommand({ executionArn: arnOf(name), cause: "fleet backfill stop" }));
    },

    async newest() {
      for await (const page of paginateListExecutions({ client, pageSize: 100 }, { stateMachineArn }))
        for (const { name = "" } of page.executions ?? [])
          if (name.startsWith("backfill-")) return name.replace(LATER_RUN, "");
      return undefined;
    },

    async loading(name) {
      let loaded = 0;
      for await (const page of paginateListMapRuns({ client }, { executionArn: arnOf(name) }))
        for (const { mapRunArn, stopDate } of page.mapRuns ?? [])
          if (!stopDate) {
            const { itemCounts } = await client.send(new DescribeMapRunCommand({ mapRunArn }));
            loaded += Number(itemCounts?.succeeded ?? 0);
          }
      return loaded;
    },

    async lastFailure(name) {
      const command = new GetExecutionHistoryCommand({ executionArn: arnOf(name), reverseOrder: true, maxResults: 20 });
      const { events = [] } = await client.send(command);
      const failed = events.find(({ taskFailedEventDetails }) => taskFailedEventDetails)?.taskFailedEventDetails;
      return failed && `${failed.error}: ${reasonOf(failed.cause)}`;
    },
  };
}

async function findMachine(client: SFNClient, name: string): Promise<string> {
  for await (const page of paginateListStateMachines({ client }, {}))
    for (const machine of page.stateMachines ?? []) if (machine.name === name) return machine.stateMachineArn as string;
  throw new Error(`there is no state machine '${name}'; deploy the fleet, or give another --stage`);
}

/** A cause is often the runtime's JSON; its message says enough. */
export function reasonOf(cause: string | undefined): string {
  try {
    return JSON.parse(cause ?? "").errorMessage ?? cause;
  } catch {
    return cause ?? "no cause given";
  }
}
