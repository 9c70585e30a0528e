import { randomUUID } from "node:crypto";
import { behindKey, markName } from "../../shared/behind/marks.ts";
import { NO_ORG } from "../../shared/contracts/metadata.ts";
import { backfillTask, invoke, metadataOf, seed } from "./calls.ts";
import type { Lab, Step } from "./lab.ts";
import { PARKING_STEPS } from "./parking-steps.ts";

const LATE = "001000000000LATEAA";
const DAY_MS = 86_400_000;

/** A billing that fails since two days, by its customer's own fault. */
async function failLate({ fleet }: Lab): Promise<void> {
  const at = (ago: number) => ({ S: new Date(fleet.clock.now() - ago).toISOString() });
  const mark = {
    since: at(2 * DAY_MS),
    failingSince: at(2 * DAY_MS),
    failedAt: at(0),
    markedAt: at(0),
    tries: { N: "9" },
  };
  await fleet.aws("dynamodb", "PutItem", {
    TableName: fleet.ref("CustomersTable"),
    Item: {
      customerId: { S: LATE },
      version: { S: "1" },
      behindKey: { S: behindKey("billing", LATE) },
      nextTryAt: at(-DAY_MS),
      [markName("billing")]: { M: mark },
    },
  });
  // The list of endpoints that were ever away.
  const Item = { key: { S: "gates" }, keys: { SS: ["billing/POST /v1/customers"] } };
  await fleet.aws("dynamodb", "PutItem", { TableName: fleet.ref("FleetStateTable"), Item });
  await invoke(fleet, "customers-note-failure", {
    input: { metadata: metadataOf(fleet), data: { customerId: LATE, version: "1" } },
    failure: { state: "UpsertBilling", error: { Error: "TransientError", Cause: "{}" } },
    executionArn: `late-${randomUUID()}`,
  });
}

/** An account with a billing contact, of which no event tells, in a batch of a backfill. */
async function loadWithContact({ fleet }: Lab): Promise<void> {
  const [id = ""] = await seed(fleet, "accounts", { Name: "Quiet" });
  await seed(fleet, "contacts", { LastName: "Quiet", AccountId: id, Is_Billing_Contact__c: true });
  const records = [{ Id: id, SystemModstamp: new Date(fleet.clock.now()).toISOString() }];
  await invoke(fleet, "salesforce-load-backfill-batch", backfillTask(fleet, { records }));
}

async function addContact({ fleet }: Lab): Promise<void> {
  const AccountId = await fleet.createAccount("With a contact");
  const contact = { LastName: "Lovelace", AccountId, Is_Billing_Contact__c: true };
  await fleet.salesforce("POST", "sobjects/Contact", contact);
}

/** Runs the part of a backfill that loads a page, with a record in it that nobody can read. */
async function loadPage({ fleet }: Lab): Promise<void> {
  const name = `page-${randomUUID()}`;
  const counts = { listed: 1, compared: 0, sent: 0, equal: 0, behind: 0, unusable: 0, parked: 0 };
  const settings = { entity: "Account", pageSize: 200, batchSize: 100, maxConcurrency: 1, dryRun: false };
  const work = { phase: "load", pages: 1, loaded: 0, total: 1, polls: 0, failures: 0 };
  const orgId = fleet.saas.salesforce.orgId;
  const progress = JSON.stringify({ ...settings, ...work, ...counts, orgId, actor: "system:test" });
  const Item = { key: { S: `backfill/${name}` }, progress: { S: progress } };
  await fleet.aws("dynamodb", "PutItem", { TableName: fleet.ref("SalesforceStateTable"), Item });
  const page = { Bucket: fleet.ref("BackfillBucket"), Key: `${name}/000001.jsonl`, Body: '{"no":"record"}\n' };
  await fleet.aws("s3", "PutObject", page);
  const run = { stateMachineArn: fleet.ref("Backfill"), name, input: JSON.stringify({ orgId }) };
  await fleet.aws("states", "StartExecution", run);
}

/** The request of a clock, which is meant for every organisation. */
async function catchUpAll({ fleet }: Lab): Promise<void> {
  const metadata = { ...metadataOf(fleet), orgId: NO_ORG };
  await fleet.emit("catch-up.requested", { metadata, data: { graceSeconds: 0 } });
}

/** What happens seldom in a fleet, and to few customers. */
export const RARE_STEPS: readonly Step[] = [
  {
    when: "an account has a billing contact",
    grants: /^salesforce-(capture → PutItem|load-backfill-batch → BatchGetItem) SalesforceStateTable$/,
    async drive(lab) {
      await addContact(lab);
      await loadWithContact(lab);
    },
  },
  {
    when: "an account has a billing contact",
    grants: /^salesforce-load-backfill-batch → PutItem SalesforceStateTable$/,
    drive: loadWithContact,
  },
  {
    when: "a sweep compares contacts",
    grants: /^salesforce-sweep → BatchGetItem SalesforceStateTable$/,
    async drive({ fleet }) {
      await fleet.request("reconciliation.requested", { entity: "Contact", reason: "manual", full: true });
    },
  },
  ...PARKING_STEPS,
  {
    when: "a customer fails in billing for a day",
    grants: /^customers-note-failure → GetItem CustomersTable$/,
    drive: failLate,
  },
  {
    when: "a customer fails in billing for a day",
    grants: /^customers-note-failure → GetItem FleetStateTable$/,
    drive: failLate,
  },
  {
    when: "a customer fails in billing for a day",
    grants: /^customers-note-failure → BatchGetItem FleetStateTable$/,
    drive: failLate,
  },
  { when: "a backfill loads a page", grants: /^backfill → StartExecution /, drive: loadPage },
  { when: "a backfill loads a page", grants: /^backfill → DescribeExecution /, drive: loadPage },
  {
    when: "a batch of a backfill fails for good",
    grants: /^backfill → InvokeFunction salesforce-park-backfill-batch$/,
    drive: loadPage,
  },
  {
    when: "a clock asks for a catch-up of all organisations",
    grants: /^salesforce-catch-up → PutEvents FleetBus$/,
    drive: catchUpAll,
  },
];
