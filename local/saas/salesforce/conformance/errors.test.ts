import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import type { Connection } from "jsforce/lib/core.js";
import type { SalesforceEmulator } from "../emulator.ts";
import { connect, control, startTestOrg } from "../testing.ts";
import { jsforceProcess } from "./jsforce-process.ts";

// How an unmodified jsforce shows the errors of the REST API.
// https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/errorcodes.htm
let org: SalesforceEmulator;
let conn: Connection;
let id: string;
beforeAll(async () => {
  org = await startTestOrg();
  conn = await connect(org);
  id = String((await conn.sobject("Account").create({ Name: "Acme", Stripe_Customer_Id__c: "cus_1" })).id);
});
afterAll(() => org.stop());
beforeEach(async () => {
  await control(org.url, "DELETE", "faults");
  await control(org.url, "DELETE", "calls");
});

const fault = (rule: Record<string, unknown>) =>
  control(org.url, "POST", "faults", { path: "/services/data/**", ...rule });
const calls = (route: string) => org.calls.report().routes[route]?.calls ?? 0;
const update = () => conn.sobject("Account").update({ Id: id, Name: "B" });
/** A GET without the library's own retries. */
const once = () => conn.request({ method: "GET", url: "/limits" }, { retry: { maxRetries: 0 } } as never);

describe("errors by code", () => {
  test.each([
    ["dailyLimit", "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."],
    ["concurrentLimit", "REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded."],
    ["rowLock", "UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record or 1 records: 001"],
    ["serverUnavailable", "SERVER_UNAVAILABLE", "Server Unavailable"],
    ["queryTimeout", "QUERY_TIMEOUT", "Your query request was running for too long."],
    ["validationException", "FIELD_CUSTOM_VALIDATION_EXCEPTION", "A validation rule of the org refuses this record."],
    ["duplicateValue", "DUPLICATE_VALUE", "duplicate value found: Stripe_Customer_Id__c duplicates value on record"],
  ])("%s", async (error, name, message) => {
    await fault({ method: "PATCH", error });
    await expect(update()).rejects.toMatchObject({ name, message: expect.stringContaining(message) });
  });

  const refused: [string, () => Promise<unknown>, string, string | RegExp][] = [
    [
      "an object that is not there",
      () => conn.sobject("Account").retrieve("001000000000000AAA"),
      "NOT_FOUND",
      "The requested resource does not exist",
    ],
    [
      "an unknown object in a query",
      async () => conn.query("SELECT Name,BillingCity FROM Accout"),
      "INVALID_TYPE",
      /ERROR at Row:1:Column:30\nsObject type 'Accout' is not supported/,
    ],
    [
      "an unknown field",
      () => conn.sobject("Account").create({ Name: "x", AccountNumer: "1" }),
      "INVALID_FIELD",
      "No such column 'AccountNumer' on sobject of type Account",
    ],
    [
      "a field of Salesforce's own",
      () => conn.sobject("Account").create({ Name: "x", MasterRecordId: id }),
      "INVALID_FIELD_FOR_INSERT_UPDATE",
      /^Unable to create\/update fields: MasterRecordId\. /,
    ],
    [
      "a value that is taken",
      () => conn.sobject("Account").create({ Name: "x", Stripe_Customer_Id__c: "cus_1" }),
      "DUPLICATE_VALUE",
      /duplicates value on record with id: 001/,
    ],
  ];
  test.each(refused)("%s", async (_what, call, name, message) => {
    await expect(call()).rejects.toMatchObject({
      name,
      message: typeof message === "string" ? message : expect.stringMatching(message),
    });
  });

  test("a deleted record", async () => {
    const gone = String((await conn.sobject("Account").create({ Name: "Gone" })).id);
    await conn.sobject("Account").destroy(gone);
    await expect(conn.sobject("Account").retrieve(gone)).rejects.toMatchObject({ name: "ENTITY_IS_DELETED" });
  });

  test("the HTTP status is not on the error", async () => {
    await fault({ method: "PATCH", error: "rowLock" });
    const error = await update().then(
      () => undefined,
      (caught: object) => caught,
    );
    expect(error).toMatchObject({ data: { errorCode: "UNABLE_TO_LOCK_ROW" } });
    expect(error).not.toHaveProperty("status");
    expect(error).not.toHaveProperty("statusCode");
  });

  test("several errors in one answer are MULTIPLE_API_ERRORS", async () => {
    const body = ["A", "B"].map((errorCode) => ({ errorCode, message: errorCode }));
    await fault({ method: "PATCH", status: 400, body });
    await expect(update()).rejects.toMatchObject({ name: "MULTIPLE_API_ERRORS" });
  });

  test("300 is MULTIPLE_CHOICES", async () => {
    for (const Name of ["a", "b"]) await conn.sobject("Account").create({ Name, Legacy_Id__c: "twice" });
    const upsert = conn.sobject("Account").upsert({ Legacy_Id__c: "twice", Name: "x" }, "Legacy_Id__c");
    await expect(upsert).rejects.toMatchObject({ name: "MULTIPLE_CHOICES" });
  });

  test("a page of HTML has no code but that of HTTP", async () => {
    await fault({ method: "PATCH", error: "serverUnavailableHtml" });
    await expect(update()).rejects.toMatchObject({ name: "ERROR_HTTP_503" });
  });

  test("a broken connection is a TypeError", async () => {
    await fault({ method: "PATCH", error: "socketReset" });
    await expect(update()).rejects.toMatchObject({ name: "TypeError", message: "fetch failed" });
  });

  test("a body that breaks off ends the process: an error event that nobody hears", async () => {
    await fault({ path: "/services/data/*/limits", error: "truncatedBody" });
    const { code, output } = await jsforceProcess(conn, `console.log("answered", await connection.limits());`);
    expect(output).toContain("terminated");
    expect(output).not.toContain("answered");
    expect(code).not.toBe(0);
  });

  test("a slow answer is still an answer", async () => {
    await fault({ path: "/services/data/*/limits", error: "slow", delayMs: 50 });
    await expect(once()).resolves.toHaveProperty("DailyApiRequests");
  });
});

describe("retries of the library", () => {
  const limits = "GET /services/data/:version/limits";
  const fast = { retry: { minTimeout: 1, maxRetries: 3 } } as never;

  test("GET is tried again after 503", async () => {
    await fault({ path: "/services/data/*/limits", error: "serverUnavailable", times: 2 });
    await expect(conn.request({ method: "GET", url: "/limits" }, fast)).resolves.toHaveProperty("DailyApiRequests");
    expect(calls(limits)).toBe(3);
  });

  test("a request can be kept from it", async () => {
    await fault({ path: "/services/data/*/limits", error: "serverUnavailable" });
    await expect(once()).rejects.toMatchObject({ name: "SERVER_UNAVAILABLE" });
    expect(calls(limits)).toBe(1);
  });

  test.each(["dailyLimit", "queryTimeout"])("GET is not tried again after %s", async (error) => {
    await fault({ path: "/services/data/*/limits", error });
    await expect(conn.request({ method: "GET", url: "/limits" }, fast)).rejects.toBeDefined();
    expect(calls(limits)).toBe(1);
  });

  test("POST and PATCH are never tried again", async () => {
    await fault({ error: "serverUnavailable", times: 2 });
    await expect(update()).rejects.toMatchObject({ name: "SERVER_UNAVAILABLE" });
    await expect(conn.sobject("Account").create({ Name: "x" })).rejects.toMatchObject({ name: "SERVER_UNAVAILABLE" });
    expect(org.calls.report().total).toBe(2);
  });
});

describe("collections answer 200 with a result for each record", () => {
  const results = async (work: Promise<unknown>) =>
    ((await work) as { success: boolean; errors: { statusCode: string; message: string }[] }[]).map((one) =>
      one.success ? "ok" : `${one.errors[0]?.statusCode}: ${one.errors[0]?.message}`,
    );

  test("what is missing, and what is taken back because of it", async () => {
    const records = [{ FirstName: "A" }, { LastName: "B" }];
    expect(await results(conn.sobject("Contact").create(records, { allOrNone: true }))).toEqual([
      "REQUIRED_FIELD_MISSING: Required fields are missing: [LastName]",
      "ALL_OR_NONE_OPERATION_ROLLED_BACK: Record rolled back because not all records were valid and the request was using AllOrNone header",
    ]);
  });

  test("an update without an id", async () => {
    const body = { allOrNone: false, records: [{ attributes: { type: "Account" }, Name: "x" }] };
    const update = conn.request({ method: "PATCH", url: "/composite/sobjects", body: JSON.stringify(body) });
    expect(await results(update)).toEqual(["MISSING_ARGUMENT: Id not specified in an update call"]);
  });

  test("a lock", async () => {
    await fault({ method: "PATCH", error: "rowLock" });
    const [result] = await results(conn.sobject("Account").update([{ Id: id, Name: "x" }]));
    expect(result).toBe(`UNABLE_TO_LOCK_ROW: unable to obtain exclusive access to this record or 1 records: ${id}`);
  });

  test("a missing record is read as null", async () => {
    const records = await conn.sobject("Account").retrieve(["001000000000000AAA", id], { fields: ["Id"] });
    expect(records.map((one) => one?.Id ?? null)).toEqual([null, id]);
  });
});
