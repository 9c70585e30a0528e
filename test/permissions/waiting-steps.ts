import { randomUUID } from "node:crypto";
import { behindKey, markName } from "../../shared/behind/marks.ts";
import { ask } from "../faults/walks.ts";
import { eventually } from "../support/wait.ts";
import { backfillTask, invoke, metadataOf, seed } from "./calls.ts";
import type { Lab, Step } from "./lab.ts";

/** A named wait opens the breaker at the first call. */
const BUSY = { status: 503, headers: { "retry-after": "20" }, times: 1e9 };
/** More than the reconciler lets wait on the bulk lane. */
const MANY = 610;
const HOUR_MS = 3_600_000;

/** A backfill's task. */
const task =
  (name: string, data: object) =>
  ({ fleet }: Lab) =>
    invoke(fleet, name, backfillTask(fleet, data));

async function loadOne(lab: Lab): Promise<void> {
  const [Id = ""] = await seed(lab.fleet, "accounts", { Name: "Not loaded" });
  const records = [{ Id, SystemModstamp: new Date(lab.fleet.clock.now()).toISOString() }];
  await task("salesforce-load-backfill-batch", { records })(lab);
}

const jobId = "7505f000005KcCnAAK";
const page = { jobId, locator: null, pageSize: 200, key: "busy/000001.jsonl" };
/** What makes each function call Salesforce that calls nothing else of it. */
const CALLERS: Readonly<Record<string, Step["drive"]>> = {
  "salesforce-capture": async ({ fleet }) => void (await fleet.createAccount("Read by nobody")),
  "salesforce-sweep": async ({ fleet }) =>
    void (await fleet.request("reconciliation.requested", { entity: "Account", reason: "manual", full: true })),
  "salesforce-plan-backfill": task("salesforce-plan-backfill", { entity: "Account", batchSize: 500 }),
  "salesforce-start-backfill-query": task("salesforce-start-backfill-query", { entity: "Account" }),
  "salesforce-check-backfill-query": task("salesforce-check-backfill-query", { jobId }),
  "salesforce-store-backfill-page": task("salesforce-store-backfill-page", page),
  "salesforce-load-backfill-batch": loadOne,
};

/** Each for itself: what one may note, the others find noted. */
const busySalesforce = Object.entries(CALLERS).map(
  ([name, call]): Step => ({
    when: "Salesforce asks to wait",
    grants: new RegExp(`^${name} → UpdateItem FleetStateTable$`),
    async drive(lab) {
      // People can make accounts meanwhile, and nothing is written back.
      for (const path of ["query*/**", "query*", "jobs/**", "limits", "sobjects/*/deleted/**"])
        lab.fleet.saas.salesforce.faults.add({ path: `/services/data/*/${path}`, ...BUSY });
      lab.fleet.saas.salesforce.faults.add({ path: "/services/data/*/composite/**", method: "POST", ...BUSY });
      await call(lab);
    },
    mend: async ({ fleet }) => fleet.saas.salesforce.faults.clear(),
  }),
);

/** A search for duplicates, while Stripe asks to wait: its second call finds the breaker open. */
async function searchBusyStripe({ fleet }: Lab): Promise<void> {
  fleet.saas.stripe.faults.add({ path: "/v1/customers**", ...BUSY });
  for (let search = 0; search < 2; search += 1) await ask(fleet, "fleet.billing", "duplicates.requested");
}

/** A message that comes for the second time. */
function comesAgain(name: string, queue: string): (lab: Lab) => Promise<void> {
  return ({ fleet }) =>
    invoke(fleet, name, {
      Records: [
        {
          messageId: randomUUID(),
          receiptHandle: "none",
          body: JSON.stringify({ detail: { metadata: metadataOf(fleet), data: {} } }),
          attributes: { ApproximateReceiveCount: "2", SentTimestamp: String(fleet.clock.now()) },
          messageAttributes: {},
          eventSource: "aws:sqs",
          eventSourceARN: `arn:aws:sqs:us-east-1:123456789012:connector-fleet-local-${queue}`,
          awsRegion: "us-east-1",
        },
      ],
    });
}

/** A customer whom nobody has billed for an hour, behind a backfill that fills the bulk lane. */
async function fillBulkLane({ fleet }: Lab): Promise<void> {
  const id = await fleet.createAccount("Behind a backfill");
  await eventually(async () => {
    const stored = (await fleet.stored()).find(({ customerId }) => customerId === id);
    if (!stored || stored.behindKey) throw new Error(`${id} is not in step yet.`);
  });
  const at = (ago: number) => ({ S: new Date(fleet.clock.now() - ago).toISOString() });
  await fleet.aws("dynamodb", "UpdateItem", {
    TableName: fleet.ref("CustomersTable"),
    Key: { customerId: { S: id } },
    UpdateExpression: "SET behindKey = :key, nextTryAt = :next, #mark = :mark",
    ExpressionAttributeNames: { "#mark": markName("billing") },
    ExpressionAttributeValues: {
      ":key": { S: behindKey("billing", id) },
      ":next": at(HOUR_MS),
      ":mark": { M: { since: at(HOUR_MS), markedAt: at(HOUR_MS), tries: { N: "0" } } },
    },
  });
  await setBulkLane(fleet, false);
  const QueueUrl = fleet.ref("CustomerSyncBulkQueue");
  const Entries = Array.from({ length: 10 }, (_, index) => ({ Id: String(index), MessageBody: "{}" }));
  for (let sent = 0; sent < MANY; sent += Entries.length)
    await fleet.aws("sqs", "SendMessageBatch", { QueueUrl, Entries });
}

async function emptyBulkLane({ fleet }: Lab): Promise<void> {
  // Once a minute is what SQS allows.
  fleet.clock.advance(61_000);
  await fleet.aws("sqs", "PurgeQueue", { QueueUrl: fleet.ref("CustomerSyncBulkQueue") });
  await setBulkLane(fleet, true);
}

/** Whether anybody works what waits on the bulk lane. */
async function setBulkLane({ aws }: Lab["fleet"], Enabled: boolean): Promise<void> {
  const { EventSourceMappings } = await aws<{
    EventSourceMappings: { UUID: string; EventSourceArn: string }[];
  }>("lambda", "ListEventSourceMappings", {});
  for (const { UUID, EventSourceArn } of EventSourceMappings)
    if (EventSourceArn.endsWith("-customer-sync-bulk"))
      await aws("lambda", "UpdateEventSourceMapping", { UUID, Enabled });
}

const retry = ({ fleet }: Lab) => ask(fleet, "fleet.flows", "retries.requested");

/** A version of a customer that is stored already, at the latest when it comes again. */
async function storeAgain({ fleet }: Lab): Promise<void> {
  const metadata = metadataOf(fleet);
  const about = { customerId: "001000000000AGAIAA", orgId: metadata.orgId };
  const customer = { ...about, name: "Stored already", email: null, phone: null, address: null, plan: null };
  const version = "2026-01-01T00:00:00.000Z/001767225600000/001767225601000";
  await invoke(fleet, "customers-upsert", { type: "customer.changed", metadata, data: { customer, version } });
}

/** What happens while somebody waits: for a target, behind a backfill, or until a message or a version comes again. */
export const WAITING_STEPS: readonly Step[] = [
  ...busySalesforce,
  {
    when: "Stripe asks to wait",
    grants: /^billing-duplicates → GetItem FleetStateTable$/,
    drive: searchBusyStripe,
    mend: async ({ fleet }) => fleet.saas.stripe.faults.clear(),
  },
  {
    when: "a message comes again",
    grants: /^salesforce-sweep → BatchGetItem FleetStateTable$/,
    drive: comesAgain("salesforce-sweep", "salesforce-sweep"),
  },
  {
    when: "a message comes again",
    grants: /^billing-duplicates → BatchGetItem FleetStateTable$/,
    drive: comesAgain("billing-duplicates", "billing-duplicates"),
  },
  {
    when: "a version comes again",
    grants: /^customers-upsert → GetItem CustomersTable$/,
    prepare: storeAgain,
    drive: storeAgain,
  },
  {
    when: "a backfill fills the bulk lane",
    grants: /^flows-reconcile → GetQueueAttributes customer-sync$/,
    prepare: fillBulkLane,
    drive: retry,
    mend: emptyBulkLane,
  },
  {
    when: "a backfill fills the bulk lane",
    grants: /^flows-reconcile → SendMessage customer-sync$/,
    prepare: fillBulkLane,
    drive: retry,
    mend: emptyBulkLane,
  },
];
