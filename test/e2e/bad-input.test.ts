import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { expectInStep, type ParkedItem, startTestFleet, type TestFleet } from "../support/fleet.ts";
import { eventually } from "../support/wait.ts";

let fleet: TestFleet;

beforeAll(async () => {
  fleet = await startTestFleet();
}, 60_000);

afterAll(() => fleet?.stop());

const HEADER = {
  entityName: "Account",
  recordIds: ["001000000000000AAA"],
  changeType: "UPDATE",
  changeOrigin: "",
  transactionKey: "0001ae4b-7024-a64a-87f0-f2c8cebdca76",
  sequenceNumber: 1,
  commitTimestamp: 1_795_300_000_000,
  commitUser: "0055f000005mc66AAA",
  changedFields: ["Phone"],
};

/** Puts an event on the partner bus, as the Event Relay would. */
function relay(detail: unknown): Promise<void> {
  return relayText(JSON.stringify(detail));
}

async function relayText(text: string): Promise<void> {
  const source = fleet.saas.salesforce.eventSource;
  const entry = {
    Source: source,
    DetailType: "AccountChangeEvent",
    Detail: text,
    EventBusName: source,
  };
  await fleet.aws("events", "PutPartnerEvents", { Entries: [entry] });
}

/** How many events of a type the fleet bus has taken from now on. */
async function archiveOf(type: string): Promise<() => Promise<number>> {
  const call = (operation: string, input: object) => fleet.aws("events", operation, input);
  const { Arn } = await call("DescribeEventBus", { Name: fleet.ref("FleetBus") });
  const ArchiveName = type.replace(".", "-");
  await call("CreateArchive", {
    ArchiveName,
    EventSourceArn: Arn,
    EventPattern: JSON.stringify({ "detail-type": [type] }),
  });
  return async () => (await call("DescribeArchive", { ArchiveName })).EventCount;
}

async function parkedInputs(): Promise<string> {
  return (await fleet.parked()).map(({ input }) => input).join("\n");
}

/** The parked work whose input mentions a text. */
function parkedWith(mention: string): Promise<ParkedItem> {
  return eventually(async () => {
    const found = (await fleet.parked()).filter(({ input }) => input?.includes(mention));
    expect(found).toHaveLength(1);
    return found[0] as ParkedItem;
  });
}

describe("a change event that cannot be worked is parked whole, with a reason", () => {
  const change = (header: object, fields: object = {}) => ({
    payload: { ChangeEventHeader: { ...HEADER, ...header }, ...fields },
  });
  const without = (name: string) => Object.fromEntries(Object.entries(HEADER).filter(([key]) => key !== name));
  const marker = (name: string) => ({ transactionKey: `key-of-${name}` });

  test.each<[string, unknown, string, RegExp]>([
    ["not a change event", { hello: "not-cdc" }, "not-cdc", /ChangeEventHeader/],
    [
      "a header member missing",
      { payload: { ChangeEventHeader: { ...without("commitTimestamp"), ...marker("missing") } } },
      "key-of-missing",
      /commitTimestamp/,
    ],
    [
      "a record id with a wrong checksum",
      change({ ...marker("checksum"), recordIds: ["001000000000000ZZZ"] }),
      "key-of-checksum",
      /checksum/i,
    ],
    [
      "record ids of the wrong type",
      change({ ...marker("type"), recordIds: "001000000000000AAA" }),
      "key-of-type",
      /recordIds/,
    ],
    [
      "a record that Salesforce does not know",
      change({ ...marker("unknown"), recordIds: ["001000000000999AAA"] }),
      "key-of-unknown",
      /001000000000999AAA/,
    ],
    [
      "an event that catch-up could not decode",
      { unreadable: { replayId: "0000abcd", schemaId: "schema-1", payload: "AAECAw==", reason: "It is cut off." } },
      "AAECAw==",
      /0000abcd.*schema-1: It is cut off\./,
    ],
  ])("%s", async (_title, detail, mention, reason) => {
    await relay(detail);
    const work = await parkedWith(mention);
    expect(work.errorMessage).toMatch(reason);
    expect(work.hop).toContain("salesforce-changes");
  });
});

test("parked work keeps every digit of a commitNumber", async () => {
  const header = JSON.stringify({ ...HEADER, recordIds: ["001000000000998AAA"] }).slice(0, -1);
  await relayText(`{"payload":{"ChangeEventHeader":${header},"commitNumber":1745500706683617281}}}`);
  expect((await parkedWith("001000000000998AAA")).input).toContain('"commitNumber":1745500706683617281');
});

describe("a fleet event that cannot be worked is parked whole, with a reason", () => {
  const metadata = {
    eventId: "e1",
    occurredAt: "2026-11-22T10:00:00.000Z",
    correlationId: "c1",
    causationId: "p1",
    orgId: "00D5f0000000001EAA",
    actor: "0055f000005mc66AAA",
    schemaVersion: 1,
  };

  test.each<[string, unknown, string, RegExp]>([
    [
      "an unknown schemaVersion",
      { metadata: { ...metadata, schemaVersion: 2, eventId: "version-2" }, data: {} },
      "version-2",
      /schemaVersion/,
    ],
    ["no metadata", { data: { marker: "no-metadata" } }, "no-metadata", /metadata/],
    [
      "a customer that is too large for a run",
      {
        metadata: { ...metadata, eventId: "too-large" },
        data: {
          customer: {
            customerId: "001000000000000AAA",
            orgId: metadata.orgId,
            name: "x".repeat(300_000),
            email: null,
            phone: null,
            address: null,
            plan: null,
          },
          version: "2026-11-22T10:00:00.000Z/001795300000000/001795300000000",
        },
      },
      "too-large",
      /size|exceed|256|262144/i,
    ],
  ])("%s", async (_title, detail, mention, reason) => {
    await fleet.emit("customer.changed", detail);
    const work = await parkedWith(mention);
    expect(work.errorMessage).toMatch(reason);
    expect(work.hop).toContain("customer-sync");
  });
});

// Case 17.
test("a run of customer-sync that is given anything parks one item, and people are told once", async () => {
  const input = JSON.stringify({ a: 1 });
  const stateMachineArn = fleet.ref("CustomerSync");
  const run = await fleet.aws("states", "StartSyncExecution", { stateMachineArn, input });
  expect(run).toMatchObject({ status: "FAILED", error: "SyncFailed" });
  const itsParked = async () => (await fleet.parked()).filter((work) => work.executionArn === run.executionArn);
  const [work] = await itsParked();
  expect(work).toMatchObject({ hop: "customer-sync/UpsertCustomer", input, errorName: "ContractError" });
  const notices = async () => (await fleet.slackTexts()).filter((text) => text.includes(work?.parkedId ?? "none"));
  await eventually(async () => expect(await notices()).toHaveLength(1));
  await fleet.pass(120);
  expect([await itsParked(), await notices()]).toEqual([[work], [expect.any(String)]]);
});

describe("what looks odd but is fine is worked", () => {
  test("records that an event does not name are left to a reconciliation of their object", async () => {
    const requests = await archiveOf("reconciliation.requested");
    const overflow = { changeType: "GAP_OVERFLOW", recordIds: ["000000000000000AAA"], changedFields: [] };
    await relay({ payload: { ChangeEventHeader: { ...HEADER, ...overflow, transactionKey: "overflow" } } });
    await eventually(async () => expect(await requests()).toBe(1));
    await relay({ payload: { ChangeEventHeader: { ...HEADER, transactionKey: "wildcard", recordIds: ["001*"] } } });
    await eventually(async () => expect(await requests()).toBe(2));
    expect(await parkedInputs()).not.toMatch(/"overflow"|"wildcard"/);
  });

  test("changes of an object that does not feed the customer are done", async () => {
    const { id } = await fleet.salesforce<{ id: string }>("POST", "sobjects/Account", { Name: "Last", Phone: "1" });
    for (const entityName of ["Lead", "Opportunity"])
      await relay({ payload: { ChangeEventHeader: { ...HEADER, entityName, transactionKey: "no-customer" } } });
    await relay({ payload: { ChangeEventHeader: { ...HEADER, transactionKey: "after", recordIds: [id] } } });
    await eventually(() => expectInStep(fleet));
    expect(await parkedInputs()).not.toContain("no-customer");
  });

  test("a record id of 15 characters, and a gap event: both mean 'read it again'", async () => {
    const { id } = await fleet.salesforce<{ id: string }>("POST", "sobjects/Account", { Name: "Gap", Phone: "1" });
    await eventually(() => expectInStep(fleet));
    await relay({
      payload: { ChangeEventHeader: { ...HEADER, transactionKey: "short-id", recordIds: [id.slice(0, 15)] } },
    });
    await relay({
      ChangeEventHeader: {
        ...HEADER,
        transactionKey: "gap",
        recordIds: [id],
        changeType: "GAP_UPDATE",
        changedFields: [],
      },
    });
    await eventually(() => expectInStep(fleet));
    expect(await parkedInputs()).not.toContain("short-id");
  });

  test("an account deleted before it could be read becomes a tombstone", async () => {
    const { id } = await fleet.salesforce<{ id: string }>("POST", "sobjects/Account", { Name: "Gone", Phone: "1" });
    await fleet.salesforce("DELETE", `sobjects/Account/${id}`);
    await eventually(async () => {
      expect(await fleet.stored()).toContainEqual(expect.objectContaining({ customerId: id, deleted: true }));
    });
    expect(await parkedInputs()).not.toContain(id);
  });
});
