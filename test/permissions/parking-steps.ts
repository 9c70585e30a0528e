import { randomUUID } from "node:crypto";
import { storeForOtherOrg } from "../support/other-org.ts";
import { backfillTask, invoke, metadataOf, seed } from "./calls.ts";
import type { Lab, Step } from "./lab.ts";

const CUSTOMER = "001000000000PARKAA";
/** An account that cannot be used as it is: another organisation has stored its id. */
const UNUSABLE = { Name: "Unusable" };
const TASKS = "^(flows-park|customers-note-failure|salesforce-(load|park)-backfill-batch)";

const parkBatch = ({ fleet }: Lab) =>
  invoke(
    fleet,
    "salesforce-park-backfill-batch",
    backfillTask(fleet, {
      entity: "Account",
      recordIds: [CUSTOMER],
      failure: { Error: "ContractError", Cause: "{}" },
      executionArn: `batch-${randomUUID()}`,
    }),
  );

const parkRun = ({ fleet }: Lab) =>
  invoke(fleet, "customers-note-failure", {
    input: { metadata: metadataOf(fleet), data: { customerId: CUSTOMER, version: "1" } },
    failure: { state: "UpsertStore", error: { Error: "ContractError", Cause: "{}" } },
    executionArn: `run-${randomUUID()}`,
  });

/** A dead letter of work that was redriven once. */
const parkLetter = ({ fleet }: Lab) =>
  invoke(fleet, "flows-park", {
    Records: [
      {
        messageId: randomUUID(),
        receiptHandle: "none",
        body: "{}",
        attributes: { ApproximateReceiveCount: "1" },
        messageAttributes: { PARKED_ID: { dataType: "String", stringValue: "letter" } },
        eventSource: "aws:sqs",
        eventSourceARN: "arn:aws:sqs:us-east-1:123456789012:connector-fleet-local-reconcile-dead",
        awsRegion: "us-east-1",
      },
    ],
  });

/** A batch of a backfill that meets an account which nobody can use. */
async function loadUnusable({ fleet }: Lab): Promise<void> {
  const { records } = await fleet.salesforce<{ records: { Id: string; SystemModstamp: string }[] }>(
    "GET",
    `query?q=${encodeURIComponent(`SELECT Id, SystemModstamp FROM Account WHERE Name = '${UNUSABLE.Name}'`)}`,
  );
  await invoke(fleet, "salesforce-load-backfill-batch", backfillTask(fleet, { records }));
}

/** A sweep that meets it. */
async function sweepUnusable({ fleet }: Lab): Promise<void> {
  await fleet.request("reconciliation.requested", { entity: "Account", reason: "manual", full: true });
}

async function parkTasks(lab: Lab): Promise<void> {
  await parkBatch(lab);
  await parkRun(lab);
  await parkLetter(lab);
  await loadUnusable(lab);
}

/** Everything is parked for the first time. */
async function parkOnce(lab: Lab): Promise<void> {
  if ((await lab.fleet.parked()).some(({ hop }) => hop === "salesforce/backfill")) return;
  for (const id of await seed(lab.fleet, "accounts", UNUSABLE)) await storeForOtherOrg(lab.fleet, id);
  await parkTasks(lab);
}

/** As if everything had been parked for another reason before: it is parked again, and lives as long as its parts. */
async function forOtherReasons(lab: Lab): Promise<void> {
  await parkOnce(lab);
  const { fleet } = lab;
  const TableName = fleet.ref("ParkedTable");
  for (const { parkedId } of await fleet.parked())
    await fleet.aws("dynamodb", "UpdateItem", {
      TableName,
      Key: { parkedId: { S: parkedId }, part: { N: "0" } },
      UpdateExpression: "SET errorMessage = :other",
      ExpressionAttributeValues: { ":other": { S: "Another reason." } },
    });
}

/** Work that is parked, and parked once more. */
export const PARKING_STEPS: readonly Step[] = [
  {
    when: "a batch of a backfill fails for good",
    grants: /^salesforce-park-backfill-batch → PutItem ParkedTable$/,
    drive: parkBatch,
  },
  {
    when: "work is parked once more",
    grants: new RegExp(`${TASKS} → UpdateItem ParkedTable$`),
    prepare: parkOnce,
    drive: parkTasks,
  },
  {
    when: "work is parked once more",
    grants: new RegExp(`${TASKS} → Query ParkedTable$`),
    prepare: forOtherReasons,
    drive: parkTasks,
  },
  {
    when: "work is parked once more",
    grants: /^salesforce-sweep → UpdateItem ParkedTable$/,
    prepare: parkOnce,
    drive: sweepUnusable,
  },
  {
    when: "work is parked once more",
    grants: /^salesforce-sweep → Query ParkedTable$/,
    prepare: forOtherReasons,
    drive: sweepUnusable,
  },
];
