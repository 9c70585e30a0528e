import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import type { Connection, Schema, SObject } from "jsforce/lib/core.js";
import type { SalesforceEmulator } from "./emulator.ts";
import { connect, control, startTestOrg } from "./testing.ts";

let org: SalesforceEmulator;
let conn: Connection;
beforeAll(async () => {
  org = await startTestOrg();
  conn = await connect(org);
});
afterAll(() => org.stop());

async function call(method: string, path: string, body?: unknown) {
  const response = await fetch(`${org.url}/services/data/v66.0${path}`, {
    method,
    headers: { authorization: `Bearer ${conn.accessToken}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: JSON.parse(await response.text()) };
}

// https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_composite_composite.htm
describe("composite", () => {
  const at = (path: string) => `/services/data/v66.0${path}`;

  test("feeds the answers of earlier calls into later ones, and counts as one call", async () => {
    const { used } = (await control(org.url, "POST", "limits", {})) as { used: number };
    const compositeRequest = [
      { method: "POST", url: at("/sobjects/Account"), referenceId: "acc", body: { Name: "Acme" } },
      {
        method: "POST",
        url: at("/sobjects/Contact"),
        referenceId: "con",
        body: { LastName: "Ash", AccountId: "@{acc.id}" },
      },
      { method: "GET", url: at("/query?q=SELECT+Account.Name+FROM+Contact+WHERE+Id='@{con.id}'"), referenceId: "q" },
      {
        method: "PATCH",
        url: at("/sobjects/Account/@{acc.id}"),
        referenceId: "up",
        body: { Name: "@{q.records[0].Account.Name}!" },
      },
    ];
    const { body } = await call("POST", "/composite", { compositeRequest });
    expect(body.compositeResponse.map((one: { httpStatusCode: number }) => one.httpStatusCode)).toEqual([
      201, 201, 200, 204,
    ]);
    const id = String(body.compositeResponse[0].body.id);
    expect((await conn.sobject("Account").retrieve(id)).Name).toBe("Acme!");
    expect(((await control(org.url, "POST", "limits", {})) as { used: number }).used).toBe(used + 2);
  });

  test("a call that failed halts those that refer to it, and no others", async () => {
    const compositeRequest = [
      { method: "POST", url: at("/sobjects/Account"), referenceId: "bad", body: { Nope__c: "x" } },
      { method: "GET", url: at("/sobjects/Account/@{bad.id}"), referenceId: "get" },
      { method: "GET", url: at("/limits"), referenceId: "limits" },
    ];
    const { body } = await call("POST", "/composite", { compositeRequest });
    expect(body.compositeResponse).toMatchObject([
      { httpStatusCode: 400, referenceId: "bad", body: [{ errorCode: "INVALID_FIELD" }] },
      { httpStatusCode: 400, body: [{ errorCode: "PROCESSING_HALTED", message: expect.stringContaining("bad.id") }] },
      { httpStatusCode: 200 },
    ]);
  });

  test("allOrNone makes one transaction of all calls, or leaves nothing", async () => {
    const create = (LastName: string | null) => [
      { method: "POST", url: at("/sobjects/Account"), referenceId: "acc", body: { Name: "Whole" } },
      {
        method: "PATCH",
        url: at("/sobjects/Contact/Legacy_Id__c/w1"),
        referenceId: "con",
        body: { LastName, AccountId: "@{acc.id}" },
      },
      { method: "GET", url: at("/sobjects/Account/@{acc.id}"), referenceId: "get" },
    ];
    const codes = async (LastName: string | null) => {
      const { body } = await call("POST", "/composite", { allOrNone: true, compositeRequest: create(LastName) });
      return body.compositeResponse.map((one: { httpStatusCode: number; body: { errorCode?: string }[] }) => [
        one.httpStatusCode,
        one.body[0]?.errorCode,
      ]);
    };
    const count = async () => (await conn.query("SELECT COUNT() FROM Account WHERE Name = 'Whole'")).totalSize;
    expect(await codes(null)).toEqual([
      [400, "PROCESSING_HALTED"],
      [400, "REQUIRED_FIELD_MISSING"],
      [400, "PROCESSING_HALTED"],
    ]);
    expect(await count()).toBe(0);
    expect(await codes("Ash")).toEqual([
      [201, undefined],
      [201, undefined],
      [200, undefined],
    ]);
    expect(await count()).toBe(1);
  });

  test("refuses more than 25 calls, and what it does not know", async () => {
    const one = { method: "GET", url: at("/limits") };
    const many = Array.from({ length: 26 }, (_none, index) => ({ ...one, referenceId: `r${index}` }));
    expect((await call("POST", "/composite", { compositeRequest: many })).body[0].errorCode).toBe("LIMIT_EXCEEDED");
    expect((await call("POST", "/composite", { compositeRequest: [], x: 1 })).status).toBe(400);
  });

  test("a batch halts on request", async () => {
    const batchRequests = [
      { method: "GET", url: "v66.0/limits" },
      { method: "GET", url: "v66.0/sobjects/Nope" },
      { method: "GET", url: "v66.0/limits" },
    ];
    const statuses = async (haltOnError: boolean) => {
      const { body } = await call("POST", "/composite/batch", { haltOnError, batchRequests });
      return [body.hasErrors, ...body.results.map((one: { statusCode: number }) => one.statusCode)];
    };
    expect(await statuses(false)).toEqual([true, 200, 404, 200]);
    expect(await statuses(true)).toEqual([true, 200, 404, 412]);
  });
});

// https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_getdeleted.htm
describe("what was changed and deleted", () => {
  let now = Date.parse("2026-11-22T10:00:30Z");
  let timed: SalesforceEmulator;
  let sobject: SObject<Schema, "Account">;
  beforeEach(async () => {
    now = Date.parse("2026-11-22T10:00:30Z");
    timed = await startTestOrg({ now: () => now });
    sobject = (await connect(timed)).sobject("Account");
  });

  afterEach(() => timed.stop());

  test("tells ids by time, also of records that have left the recycle bin", async () => {
    const [old, kept, gone] = (await sobject.create([
      { Name: "a" },
      { Name: "b" },
      { Name: "c" },
    ] as never)) as unknown as { id: string }[];
    now += 600_000;
    await sobject.update({ Id: kept?.id, Name: "B" } as never);
    await sobject.destroy(String(gone?.id));
    const [start, end] = ["2026-11-22T10:05:00Z", "2026-11-22T10:30:00Z"];
    expect(await sobject.updated(start, end)).toEqual({
      ids: [kept?.id],
      latestDateCovered: "2026-11-22T10:30:00.000+0000",
    });
    const { deletedRecords } = await sobject.deleted(start, end);
    expect(deletedRecords).toEqual([{ id: gone?.id, deletedDate: "2026-11-22T10:10:30.000+0000" }]);
    expect((await sobject.updated("2026-11-22T10:00:00Z", start)).ids).toEqual([old?.id]);
  });

  test("refuses spans that are empty or too old", async () => {
    for (const [start, end] of [
      ["2026-11-22T10:00:10Z", "2026-11-22T10:00:50Z"],
      ["2026-10-01T00:00:00Z", "2026-11-22T00:00:00Z"],
      ["x", "y"],
    ])
      await expect(sobject.updated(String(start), String(end))).rejects.toThrow();
  });

  test("refuses what was before a young org", async () => {
    await control(timed.url, "POST", "age", { days: 2 });
    await expect(sobject.deleted("2026-11-20T00:00:00Z", "2026-11-22T10:00:00Z")).rejects.toMatchObject({
      name: "INVALID_REPLICATION_DATE",
      message: "startDate before org replication enabled date",
    });
    expect(await sobject.deleted("2026-11-21T00:00:00Z", "2026-11-22T10:00:00Z")).toMatchObject({
      earliestDateAvailable: expect.stringMatching(/^2026-11-20T/),
    });
  });
});

test("a query of the Tooling API for managed subscriptions finds none", async () => {
  const soql = encodeURIComponent("SELECT Id FROM ManagedEventSubscription");
  expect((await call("GET", `/tooling/query?q=${soql}`)).body).toMatchObject({ totalSize: 0, done: true, records: [] });
  expect((await call("GET", "/tooling/query?q=SELECT+Id+FROM+ApexClass")).status).toBe(400);
});
