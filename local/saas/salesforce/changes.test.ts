import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import type { Connection } from "jsforce/lib/core.js";
import type { SalesforceEmulator } from "./emulator.ts";
import { connect, control, startTestOrg } from "./testing.ts";

// What an org does to several records at once, and the events of it.
let org: SalesforceEmulator;
let conn: Connection;
beforeEach(async () => {
  org = await startTestOrg();
  conn = await connect(org);
});
afterEach(() => org.stop());

interface Header {
  readonly entityName: string;
  readonly changeType: string;
  readonly recordIds: string[];
  readonly sequenceNumber: number;
  readonly transactionKey: string;
  readonly changeOrigin: string;
  readonly changedFields?: string[];
  readonly commitUser: string;
}
type Payload = Record<string, unknown> & { ChangeEventHeader: Header };

const post = (path: string, body?: unknown) => control(org.url, "POST", path, body) as Promise<Record<string, string>>;
const create = async (type: string, fields: Record<string, unknown>) =>
  String((await conn.sobject(type).create(fields)).id);
const read = async (id: string, type = "Account") =>
  (await conn.query<Record<string, unknown>>(`SELECT FIELDS(ALL) FROM ${type} WHERE Id = '${id}' LIMIT 1`)).records[0];

/** Events since the last call, by `act`. */
async function eventsOf<Result>(act: () => Promise<Result>): Promise<[Payload[], Result]> {
  const before = await all();
  const result = await act();
  return [(await all()).slice(before.length), result];
}
async function all(): Promise<Payload[]> {
  const { commits } = (await control(org.url, "GET", "log")) as { commits: { events: { detail: string }[] }[] };
  return commits.flatMap(({ events }) => events.map(({ detail }) => JSON.parse(detail).payload));
}
const short = (events: Payload[]) =>
  events.map(({ ChangeEventHeader: h }) => [h.entityName, h.changeType, h.sequenceNumber]);

describe("lead conversion", () => {
  test("is one transaction that makes account, contact and opportunity and updates the lead", async () => {
    const leadId = await create("Lead", { LastName: "Byron", FirstName: "Ada", Company: "Engines", City: "London" });
    const [events, ids] = await eventsOf(() => post("convert-lead", { leadId, opportunityName: "Engine" }));
    expect(short(events)).toEqual([
      ["Account", "CREATE", 1],
      ["Contact", "CREATE", 2],
      ["Opportunity", "CREATE", 3],
      ["Lead", "UPDATE", 4],
    ]);
    expect(new Set(events.map(({ ChangeEventHeader }) => ChangeEventHeader.transactionKey)).size).toBe(1);
    expect(events[3]).toMatchObject({ IsConverted: true, ConvertedAccountId: ids.accountId });
    expect(await read(String(ids.contactId), "Contact")).toMatchObject({
      AccountId: ids.accountId,
      Name: "Ada Byron",
      MailingCity: "London",
    });
    await expect(post("convert-lead", { leadId })).rejects.toThrow("already converted");
  });

  test("leaves gaps in the numbers where an object is not captured", async () => {
    await post("capture", { entities: ["Account", "Lead"] });
    const leadId = await create("Lead", { LastName: "Byron", Company: "Engines" });
    const [events] = await eventsOf(() => post("convert-lead", { leadId, opportunityName: "Engine" }));
    expect(short(events)).toEqual([
      ["Account", "CREATE", 1],
      ["Lead", "UPDATE", 4],
    ]);
  });
});

describe("person accounts", () => {
  test("are an account and a contact, with a name that is an object in events", async () => {
    const [events, id] = await eventsOf(() =>
      create("Account", { FirstName: "Grace", LastName: "Hopper", PersonEmail: "grace@navy.example" }),
    );
    expect(short(events)).toEqual([
      ["Account", "CREATE", 1],
      ["Contact", "CREATE", 2],
    ]);
    expect(events[0]).toMatchObject({
      Name: { FirstName: "Grace", LastName: "Hopper" },
      PersonEmail: "grace@navy.example",
    });
    const account = await read(id);
    expect(account).toMatchObject({ Name: "Grace Hopper", IsPersonAccount: true });
    expect(events[1]).toMatchObject({ Name: { LastName: "Hopper" }, Email: "grace@navy.example", AccountId: id });
    expect(events[1]?.ChangeEventHeader.recordIds).toEqual([account?.PersonContactId]);
  });

  test("change together, by parts", async () => {
    const id = await create("Account", { FirstName: "Grace", LastName: "Hopper" });
    const [events] = await eventsOf(() => conn.sobject("Account").update({ Id: id, LastName: "Murray" }));
    expect(events.map(({ Name }) => Name)).toEqual([{ LastName: "Murray" }, { LastName: "Murray" }]);
    expect(events[0]?.ChangeEventHeader.changedFields).toEqual(["LastModifiedDate", "Name.LastName"]);
    const [phone] = await eventsOf(() => conn.sobject("Account").update({ Id: id, Phone: "1" }));
    expect(short(phone)).toEqual([["Account", "UPDATE", 1]]);
  });

  test("do not mix with business accounts", async () => {
    await expect(create("Account", { Name: "Acme", LastName: "Hopper" })).rejects.toThrow("bad field names");
    const business = await create("Account", { Name: "Acme" });
    await expect(conn.sobject("Account").update({ Id: business, LastName: "H" })).rejects.toThrow("LastName");
    const person = await create("Account", { LastName: "Hopper" });
    const contactId = String((await read(person))?.PersonContactId);
    await expect(conn.sobject("Contact").update({ Id: contactId, LastName: "H" })).rejects.toThrow("person account");
  });
});

test("a record merge deletes the losers and moves their contacts", async () => {
  const [masterId, loser, other] = [
    await create("Account", { Name: "M" }),
    await create("Account", { Name: "L1" }),
    await create("Account", { Name: "L2" }),
  ];
  const contact = await create("Contact", { LastName: "C", AccountId: loser });
  const [events] = await eventsOf(() => post("merge-accounts", { masterId, loserIds: [loser, other] }));
  expect(events.map(({ ChangeEventHeader: h }) => [h.entityName, h.changeType, h.recordIds])).toEqual([
    ["Account", "UPDATE", [masterId]],
    ["Contact", "UPDATE", [contact]],
    ["Account", "DELETE", [loser, other]],
  ]);
  expect((await read(contact, "Contact"))?.AccountId).toBe(masterId);
  const lost = await conn.query(`SELECT MasterRecordId FROM Account WHERE Id = '${loser}'`, { scanAll: true });
  expect(lost.records[0]).toMatchObject({ MasterRecordId: masterId });
});

test("an account takes its children to the recycle bin and back, and leaves it for good without an event", async () => {
  const id = await create("Account", { Name: "A" });
  await create("Contact", { LastName: "C", AccountId: id });
  const [deleted] = await eventsOf(() => conn.sobject("Account").destroy(id));
  const [restored] = await eventsOf(() => post("undelete", { id }));
  expect([short(deleted).map(([, kind]) => kind), short(restored).map(([entity]) => entity)]).toEqual([
    ["DELETE", "DELETE"],
    ["Account", "Contact"],
  ]);
  await conn.sobject("Account").destroy(id);
  const [events, { purged }] = await eventsOf(() => post("empty-recycle-bin"));
  expect([events, purged]).toEqual([[], 2]);
  const minute = 60_000;
  const window = [new Date(Date.now() - minute), new Date(Date.now() + minute)] as const;
  const { deletedRecords } = await conn.sobject("Account").deleted(...window);
  expect(deletedRecords.map((one: { id: string }) => one.id)).toEqual([id]);
});

test("a formula moves without an event and without a new modstamp", async () => {
  const id = await create("Account", { Name: "A", Plan__c: "Free" });
  const contact = await create("Contact", { LastName: "C", AccountId: id });
  const before = await read(contact, "Contact");
  await post("clock", { advanceMs: 5000 });
  const [events] = await eventsOf(() => conn.sobject("Account").update({ Id: id, Plan__c: "Team" }));
  const after = await read(contact, "Contact");
  expect([short(events), before?.Account_Plan__c, after?.Account_Plan__c]).toEqual([
    [["Account", "UPDATE", 1]],
    "Free",
    "Team",
  ]);
  expect(after?.SystemModstamp).toBe(before?.SystemModstamp);
});

test("a trigger's changes belong to the transaction of the one who set it off", async () => {
  const id = await create("Account", { Name: "A" });
  const contact = await create("Contact", { LastName: "C", AccountId: id });
  await post("triggers", { client: "connector-fleet", field: "Rating", value: "Hot" });
  await post("triggers", { client: "connector-fleet", on: "Contact", field: "Sync_State__c", value: "touched" });
  const [events] = await eventsOf(() => conn.sobject("Account").update({ Id: id, Phone: "1" }));
  expect(events).toMatchObject([
    { Phone: "1", Rating: "Hot" },
    { Sync_State__c: "touched", ChangeEventHeader: { recordIds: [contact] } },
  ]);
  expect(new Set(events.map(({ ChangeEventHeader: h }) => h.changeOrigin))).toEqual(
    new Set(["com/salesforce/api/rest/66.0;client=connector-fleet"]),
  );
  const human = await connect(org, "human");
  const [byHand] = await eventsOf(() => human.sobject("Account").update({ Id: id, Phone: "2" }));
  expect(short(byHand)).toEqual([["Account", "UPDATE", 1]]);
  await expect(post("triggers", { field: "Nothing", value: "x" })).rejects.toThrow("No such column");
});

test("the custom fields keep what their types allow", async () => {
  const fields = {
    Regions__c: "North;West",
    Credit_Limit__c: 12.5,
    Renewal_Date__c: "2027-02-01",
    Is_Partner__c: true,
  };
  const [[event], id] = await eventsOf(() => create("Account", { Name: "A", ...fields }));
  expect(event).toMatchObject(fields);
  expect(await read(id)).toMatchObject(fields);
  const [[cleared]] = await eventsOf(() =>
    conn.sobject("Account").update({ Id: id, Regions__c: null, Is_Partner__c: false }),
  );
  expect(cleared).toMatchObject({ Regions__c: null, Is_Partner__c: false });
  await expect(create("Account", { Name: "A", Regions__c: "North;Mars" })).rejects.toThrow("restricted picklist");
});

test("a second person acts with an application of her own", async () => {
  const { clientId, clientSecret, loginUrl } = org.otherConnection();
  const form = new URLSearchParams({
    grant_type: "client_credentials",
    client_id: clientId,
    client_secret: clientSecret,
  });
  const token = await fetch(`${loginUrl}/services/oauth2/token`, { method: "POST", body: form });
  const { access_token } = (await token.json()) as { access_token: string };
  const [[event]] = await eventsOf(() =>
    fetch(`${loginUrl}/services/data/v66.0/sobjects/Account`, {
      method: "POST",
      headers: { authorization: `Bearer ${access_token}`, "content-type": "application/json" },
      body: JSON.stringify({ Name: "Hers" }),
    }),
  );
  expect(event?.ChangeEventHeader.commitUser).toBe(org.otherUserId);
  expect(new Set([org.otherUserId, org.humanUserId, org.integrationUserId]).size).toBe(3);
});
