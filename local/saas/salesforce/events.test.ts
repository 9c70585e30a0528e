import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import type { Connection } from "jsforce/lib/core.js";
import type { SalesforceEmulator, SalesforceOptions } from "./emulator.ts";
import { connect, control, startTestBus, startTestOrg, type TestBus } from "./testing.ts";

// https://developer.salesforce.com/docs/atlas.en-us.change_data_capture.meta/change_data_capture/cdc_message_structure.htm
let bus: TestBus;
let org: SalesforceEmulator;
let conn: Connection;

const start = async (options: Partial<SalesforceOptions> = {}) => {
  org = await startTestOrg({ relay: { origin: bus.origin }, relayMaxBackoffMs: 20, ...options });
  conn = await connect(org);
};
beforeEach(async () => {
  bus = await startTestBus();
  await start();
});
afterEach(async () => {
  await org.stop();
  await bus.stop();
});

interface Payload {
  readonly ChangeEventHeader: Record<string, unknown>;
  readonly [field: string]: unknown;
}
const payload = (index: number): Payload => JSON.parse(bus.entries[index]?.Detail ?? "{}").payload;
const header = (index: number) => payload(index).ChangeEventHeader;
const create = async (fields: Record<string, unknown> = {}) =>
  String((await conn.sobject("Account").create({ Name: "Acme", ...fields })).id);

describe("change events", () => {
  test("a CREATE carries the filled fields and says who did it through which client", async () => {
    const id = await create({ BillingCity: "Springfield", Phone: "" });
    await bus.received(1);
    expect(bus.targets).toEqual(["AWSEvents.PutPartnerEvents"]);
    expect(bus.entries[0]).toMatchObject({
      Source: org.eventSource,
      EventBusName: org.eventSource,
      DetailType: "AccountChangeEvent",
      Resources: [],
    });
    expect(org.eventSource).toMatch(/^aws\.partner\/salesforce\.com\/00D\w{15}\/0YL\w{15}$/);
    const { ChangeEventHeader, ...fields } = payload(0);
    expect(fields).toEqual({
      CreatedDate: expect.stringMatching(/\.000Z$/),
      CreatedById: org.integrationUserId,
      LastModifiedDate: expect.stringMatching(/\.000Z$/),
      LastModifiedById: org.integrationUserId,
      Name: "Acme",
      BillingAddress: { City: "Springfield" },
      OwnerId: org.integrationUserId,
      Is_Partner__c: false,
    });
    expect(ChangeEventHeader).toMatchObject({
      entityName: "Account",
      changeType: "CREATE",
      changedFields: [],
      recordIds: [id],
      sequenceNumber: 1,
      commitUser: org.integrationUserId,
      changeOrigin: "com/salesforce/api/rest/66.0;client=connector-fleet",
    });
  });

  test("the commit number travels as a number with all of its 19 digits", async () => {
    await create();
    await bus.received(1);
    const digits = /"commitNumber":(\d+)[,}]/.exec(bus.entries[0]?.Detail ?? "")?.[1] ?? "";
    const { commits } = (await control(org.url, "GET", "log")) as { commits: { commitNumber: string }[] };
    expect(digits).toHaveLength(19);
    expect(commits.map((commit) => commit.commitNumber)).toEqual([digits]);
  });

  test("an UPDATE carries what changed, with nulls and parts of compounds", async () => {
    const id = await create({ BillingCity: "Springfield", BillingStreet: "1 Main St", Phone: "1" });
    const human = await connect(org, "human");
    await human.sobject("Account").update({ Id: id, BillingCity: "Shelbyville", Phone: null, Name: "Acme" });
    await bus.received(2);
    const { ChangeEventHeader, ...fields } = payload(1);
    expect(fields).toEqual({
      LastModifiedDate: expect.any(String),
      LastModifiedById: org.humanUserId,
      BillingAddress: { City: "Shelbyville" },
      Phone: null,
    });
    expect(ChangeEventHeader).toMatchObject({
      changeType: "UPDATE",
      changedFields: ["LastModifiedDate", "LastModifiedById", "BillingAddress.City", "Phone"],
      changeOrigin: "com/salesforce/api/rest/66.0",
      commitUser: org.humanUserId,
    });
  });

  test("a contact's name is a compound", async () => {
    const contact = await conn.sobject("Contact").create({ FirstName: "Ada", LastName: "L" });
    await conn.sobject("Contact").update({ Id: String(contact.id), LastName: "B" });
    await bus.received(2);
    expect(bus.entries[1]?.DetailType).toBe("ContactChangeEvent");
    expect(payload(1)).toMatchObject({ Name: { LastName: "B" } });
    expect(header(1).changedFields).toEqual(["LastModifiedDate", "Name.LastName"]);
  });

  test("a long text is updated as a diff", async () => {
    const id = await create({ Description: "a".repeat(1000) });
    await conn.sobject("Account").update({ Id: id, Description: "b".repeat(1000) });
    await bus.received(2);
    expect(payload(0).Description).toBe("a".repeat(1000));
    expect((payload(1).Description as { diff: string }).diff).toMatch(
      /^--- \n\+\+\+ [0-9a-f]{64}\n@@ -1,1 \+1,1 @@\n-a/,
    );
  });

  test("DELETE has a header only, UNDELETE the filled fields", async () => {
    const id = await create();
    await conn.sobject("Account").destroy(id);
    await control(org.url, "POST", "undelete", { id });
    await bus.received(3);
    expect(Object.keys(payload(1))).toEqual(["ChangeEventHeader"]);
    expect([header(1).changeType, header(2).changeType, payload(2).Name]).toEqual(["DELETE", "UNDELETE", "Acme"]);
  });

  test("the same change to many records in one transaction is one event", async () => {
    const made = await conn.sobject("Account").create([{ Name: "A" }, { Name: "B" }, { Name: "C" }]);
    const ids = made.map((one) => String(one.id));
    await bus.received(3);
    expect([0, 1, 2].map((index) => header(index).sequenceNumber)).toEqual([1, 2, 3]);
    expect(new Set([0, 1, 2].map((index) => header(index).transactionKey)).size).toBe(1);
    await conn.sobject("Account").update(ids.map((Id, index) => ({ Id, Plan__c: index < 2 ? "Team" : "Free" })));
    await bus.received(5);
    expect([header(3).recordIds, header(4).recordIds]).toEqual([ids.slice(0, 2), ids.slice(2)]);
  });

  test("a transaction that rolls back makes no event", async () => {
    await conn.sobject("Account").create([{ Name: "A" }, { Name: "B", Plan__c: "Gold" }], { allOrNone: true });
    await create({ Name: "After" });
    await bus.received(1);
    expect(payload(0).Name).toBe("After");
  });
});

describe("the relay", () => {
  test("tries again until the bus takes the event, and keeps the order", async () => {
    bus.fail(3, 503);
    for (const Name of ["1", "2", "3"]) await create({ Name });
    await bus.received(3);
    expect([0, 1, 2].map((index) => payload(index).Name)).toEqual(["1", "2", "3"]);
  });

  test("goes on after a restart where it stopped", async () => {
    const stateDir = await mkdtemp(join(tmpdir(), "saas-"));
    await org.stop();
    await start({ stateDir });
    await create({ Name: "1" });
    await bus.received(1);
    await control(org.url, "POST", "relay", { state: "PAUSE" });
    const id = await create({ Name: "2" });
    const { orgId } = org;
    await org.stop();
    await start({ stateDir });
    expect(org.orgId).toBe(orgId);
    expect((await conn.sobject("Account").retrieve(id)).Name).toBe("2");
    await control(org.url, "POST", "relay", { state: "RUN" });
    await bus.received(2);
    expect(payload(1).Name).toBe("2");
    await rm(stateDir, { recursive: true });
  });

  test("STOP drops the position: RUN begins with new events", async () => {
    await control(org.url, "POST", "relay", { state: "STOP" });
    await create({ Name: "lost" });
    await control(org.url, "POST", "relay", { state: "RUN" });
    await create({ Name: "new" });
    await bus.received(1);
    expect(payload(0).Name).toBe("new");
  });

  const seen = async (count: number) => {
    await bus.received(count);
    return bus.entries.map((_entry, index) => payload(index).Name ?? header(index).changeType);
  };
  const faults: [string, Record<string, unknown>, unknown[]][] = [
    ["duplicate", { nth: 2 }, ["1", "2", "2", "3"]],
    ["drop", { nth: 2 }, ["1", "3"]],
    ["reorder", { nth: 1 }, ["2", "1", "3"]],
    ["gap", { entity: "Account", nth: 2 }, ["1", "GAP_CREATE", "3"]],
    ["overflow", {}, ["GAP_OVERFLOW", "2", "3"]],
  ];
  test.each(faults)("plays the event fault %s", async (kind, options, expected) => {
    await control(org.url, "POST", "event-faults", { kind, ...options });
    for (const Name of ["1", "2", "3"]) await create({ Name });
    expect(await seen(expected.length)).toEqual(expected);
  });

  test("gap and overflow events have a header only and no origin", async () => {
    await control(org.url, "POST", "event-faults", { kind: "overflow" });
    await conn.sobject("Account").create([{ Name: "A" }, { Name: "B" }]);
    await create({ Name: "next" });
    await bus.received(2);
    expect(payload(0)).toEqual({
      ChangeEventHeader: expect.objectContaining({ recordIds: ["000000000000000AAA"], changeOrigin: "" }),
    });
    expect(payload(1).Name).toBe("next");
  });

  test("sends a raw event exactly as given", async () => {
    await control(org.url, "POST", "events", { detailType: "AccountChangeEvent", detail: '{"payload": 1e400}' });
    await bus.received(1);
    expect(bus.entries[0]?.Detail).toBe('{"payload": 1e400}');
  });
});
