import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { ADMINISTRATOR } from "../../local/aws/kernel/kernel.ts";
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
  await fleet.kernel.call("events", "PutPartnerEvents", { Entries: [entry] }, { principal: ADMINISTRATOR });
}

/** Puts an event on the fleet bus, as a connector would. */
async function publish(type: string, detail: unknown): Promise<void> {
  const bus = fleet.ref("FleetBus");
  const entry = { Source: "fleet.salesforce", DetailType: type, Detail: JSON.stringify(detail), EventBusName: bus };
  await fleet.kernel.call("events", "PutEvents", { Entries: [entry] }, { principal: ADMINISTRATOR });
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
      "an entity nobody maps",
      change({ ...marker("entity"), entityName: "Opportunity" }),
      "key-of-entity",
      /Opportunity/,
    ],
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
      "a wildcard of record ids",
      change({ ...marker("wildcard"), recordIds: ["001*"] }),
      "key-of-wildcard",
      /001\*|wildcard/i,
    ],
    [
      "an overflow",
      change({ ...marker("overflow"), changeType: "GAP_OVERFLOW", recordIds: ["000000000000000AAA"] }),
      "key-of-overflow",
      /too many.*reconciliation/i,
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
  ])("%s", async (_title, detail, mention, reason) => {
    await relay(detail);
    const work = await parkedWith(mention);
    expect(work.errorMessage).toMatch(reason);
    expect(work.hop).toContain("salesforce-changes");
  });
});

test("parked work keeps every digit of a commitNumber", async () => {
  const header = JSON.stringify({ ...HEADER, entityName: "Lead" }).slice(0, -1);
  await relayText(`{"payload":{"ChangeEventHeader":${header},"commitNumber":1745500706683617281}}}`);
  expect((await parkedWith('"Lead"')).input).toContain('"commitNumber":1745500706683617281');
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
    await publish("customer.changed", detail);
    const work = await parkedWith(mention);
    expect(work.errorMessage).toMatch(reason);
    expect(work.hop).toContain("customer-sync");
  });
});

describe("what looks odd but is fine is worked", () => {
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
    const inputs = (await fleet.parked()).map(({ input }) => input).join("\n");
    expect(inputs).not.toContain("short-id");
  });

  test("an account deleted before it could be read becomes a tombstone", async () => {
    const { id } = await fleet.salesforce<{ id: string }>("POST", "sobjects/Account", { Name: "Gone", Phone: "1" });
    await fleet.salesforce("DELETE", `sobjects/Account/${id}`);
    await eventually(async () => {
      expect(await fleet.stored()).toContainEqual(expect.objectContaining({ customerId: id, deleted: true }));
    });
    expect((await fleet.parked()).map(({ input }) => input).join("\n")).not.toContain(id);
  });
});
