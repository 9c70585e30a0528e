import { randomUUID } from "node:crypto";
import { shortName } from "../faults/hops.ts";
import { withoutQueuePolicy } from "../faults/permissions.ts";
import { POISON } from "../faults/world.ts";
import { packagedTemplate, type TestFleet } from "../support/fleet.ts";
import { invoke, restartMappings } from "./calls.ts";
import type { Step } from "./lab.ts";
import { RARE_STEPS } from "./rare-steps.ts";
import { WAITING_STEPS } from "./waiting-steps.ts";

/** What AWS does by the roles for every function, queue and rule. */
export const COMMON_STEPS: readonly Step[] = [
  {
    when: "a function writes a line of its log",
    each: "its log group",
    grants: /→ PutLogEvents its log group$/,
    fresh: true,
    drive: ({ fleet }) => invokeAll(fleet),
  },
  {
    when: "a function begins a log",
    each: "its log group",
    grants: /→ CreateLogStream its log group$/,
    fresh: true,
    drive: ({ fleet }) => invokeAll(fleet),
  },
  {
    when: "a mapping begins to read its queue",
    each: "its queues",
    grants: /→ GetQueueAttributes /,
    drive: ({ fleet }) => restartMappings(fleet),
    mend: ({ fleet }) => restartMappings(fleet),
  },
  {
    when: "a message is done",
    each: "its queues",
    grants: /→ DeleteMessage /,
    async drive({ fleet }) {
      const MessageBody = JSON.stringify({ [POISON]: randomUUID() });
      for (const id of await queues()) await fleet.aws("sqs", "SendMessage", { QueueUrl: fleet.ref(id), MessageBody });
    },
    mend: ({ fleet }) => restartMappings(fleet),
  },
  deadLettersOfRules(),
];

/** Everything that is not in the fault matrix, in an order in which one does not disturb the next. */
export const STEPS: readonly Step[] = [...WAITING_STEPS, ...COMMON_STEPS, ...RARE_STEPS];

// biome-ignore lint/suspicious/noExplicitAny: CloudFormation has no type of its own here
type Json = any;

async function ofType(type: string): Promise<[string, Json][]> {
  const { Resources } = await packagedTemplate();
  return Object.entries<Json>(Resources)
    .filter(([, { Type }]) => Type === type)
    .map(([id, { Properties }]) => [id, Properties]);
}

/** The queues of the consumers, without those of dead letters. */
async function queues(): Promise<string[]> {
  return (await ofType("AWS::SQS::Queue")).filter(([, { RedrivePolicy }]) => RedrivePolicy).map(([id]) => id);
}

/** Calls every function with what it refuses. */
async function invokeAll(fleet: TestFleet): Promise<void> {
  const functions = await ofType("AWS::Lambda::Function");
  await Promise.all(functions.map(([, { FunctionName }]) => invoke(fleet, shortName(FunctionName), {})));
}

/** EventBridge puts on the dead-letter queue what it may not put on the queue. */
function deadLettersOfRules(): Step {
  const giveBack: (() => Promise<void>)[] = [];
  return {
    when: "a rule may not write to its queue",
    grants: /^events\.amazonaws\.com → SendMessage [\w-]+-dead$/,
    async prepare({ fleet }) {
      for (const id of await queues()) giveBack.push(await withoutQueuePolicy(fleet, fleet.ref(id)));
    },
    async drive({ fleet }) {
      for (const [, { EventPattern, EventBusName }] of await ofType("AWS::Events::Rule"))
        if (EventPattern && EventBusName?.Ref === "FleetBus") await putMatching(fleet, EventPattern);
      await fleet.createAccount("Nobody hears of");
    },
    async mend() {
      for (const give of giveBack.splice(0)) await give();
    },
  };
}

/** An event that a rule's pattern lets through. */
async function putMatching(fleet: TestFleet, { source, "detail-type": types, detail }: Json): Promise<void> {
  const lane = detail?.metadata?.lane[0];
  const Detail = JSON.stringify({ metadata: typeof lane === "string" ? { lane } : {} });
  const entry = { EventBusName: fleet.ref("FleetBus"), Source: source[0], DetailType: types[0], Detail };
  await fleet.aws("events", "PutEvents", { Entries: [entry] });
}
