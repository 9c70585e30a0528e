import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { parse } from "csv-parse/sync";
import type { Connection } from "jsforce/lib/core.js";
import type { SalesforceEmulator } from "../emulator.ts";
import { connect, control, startTestOrg } from "../testing.ts";

// https://developer.salesforce.com/docs/atlas.en-us.api_asynch.meta/api_asynch/bulk_api_2_queries.htm
let org: SalesforceEmulator;
let conn: Connection;
beforeAll(async () => {
  org = await startTestOrg();
  conn = await connect(org);
  const accounts = Array.from({ length: 25 }, (_none, index) => ({
    Name: `N${String(index).padStart(2, "0")}`,
    Description: index === 3 ? 'two "quoted"\nlines, and a comma' : undefined,
    AnnualRevenue: index,
  }));
  await conn.sobject("Account").create(accounts);
});
afterAll(() => org.stop());
beforeEach(() => control(org.url, "POST", "bulk", { pollsInProgress: 0 }));

/** Sends a request as it is. */
async function call(method: string, path: string, body?: unknown, version = "66.0") {
  const response = await fetch(`${org.url}/services/data/v${version}/jobs/query${path}`, {
    method,
    headers: { authorization: `Bearer ${conn.accessToken}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.startsWith("application/json");
  return { status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : undefined };
}

const create = async (query: string, operation = "query") => (await call("POST", "", { query, operation })).body;
const finished = async (query: string, operation = "query") => {
  const { id } = await create(query, operation);
  expect((await call("GET", `/${id}`)).body.state).toBe("JobComplete");
  return String(id);
};
const page = async (id: string, query: string) => {
  const { text, headers } = await call("GET", `/${id}/results?${query}`);
  return {
    rows: parse(text, { columns: true }) as Record<string, string>[],
    text,
    locator: String(headers.get("sforce-locator")),
    headers,
  };
};

test("goes through its states as it is polled", async () => {
  await control(org.url, "POST", "bulk", { pollsInProgress: 2 });
  const job = await create("SELECT Id, Name FROM Account");
  expect(job).toMatchObject({
    state: "UploadComplete",
    object: "Account",
    operation: "query",
    apiVersion: 66,
    contentType: "CSV",
  });
  const states = [];
  for (let poll = 0; poll < 3; poll += 1) states.push((await call("GET", `/${job.id}`)).body.state);
  expect(states).toEqual(["InProgress", "InProgress", "JobComplete"]);
  expect((await call("GET", `/${job.id}`)).body).toMatchObject({ numberRecordsProcessed: 25, retries: 0 });
});

test("gives results in pages that can be read again, and a locator on each", async () => {
  const id = await finished("SELECT Name FROM Account ORDER BY Name");
  const first = await page(id, "maxRecords=10");
  expect(first.headers.get("sforce-numberofrecords")).toBe("10");
  expect(first.headers.get("content-type")).toMatch(/^text\/csv/);
  expect(first.locator).not.toMatch(/^(null|10)$/);
  const second = await page(id, `maxRecords=10&locator=${first.locator}`);
  const third = await page(id, `maxRecords=10&locator=${second.locator}`);
  expect([second.rows.length, third.rows.length, third.locator]).toEqual([10, 5, "null"]);
  expect((await page(id, `maxRecords=10&locator=${first.locator}`)).text).toBe(second.text);
  expect((await call("GET", `/${id}/results?locator=x`)).body[0].errorCode).toBe("INVALID_QUERY_LOCATOR");
  expect((await call("GET", `/${id}/results?maxRecords=0`)).status).toBe(400);
});

test("keeps the rows as they were when the job was made", async () => {
  const { id: account } = await conn.sobject("Account").create({ Name: "Before" });
  const { id: contact } = await conn.sobject("Contact").create({ LastName: "Snap", AccountId: String(account) });
  const job = await finished(`SELECT LastName, Account.Name FROM Contact WHERE Id = '${contact}'`);
  await conn.sobject("Account").update({ Id: String(account), Name: "After" });
  await conn.sobject("Contact").destroy(String(contact));
  expect((await page(job, "")).rows).toEqual([{ LastName: "Snap", "Account.Name": "Before" }]);
  const gone = await finished(`SELECT Id, IsDeleted FROM Contact WHERE Id = '${contact}'`, "queryAll");
  expect((await page(gone, "")).rows).toEqual([{ Id: contact, IsDeleted: "true" }]);
  await conn.sobject("Account").destroy(String(account));
});

test("quotes what CSV must quote, and writes nothing for null", async () => {
  const id = await finished(
    "SELECT Name, Description, AnnualRevenue, Phone, CreatedDate FROM Account WHERE Name = 'N03'",
  );
  const { text, rows } = await page(id, "");
  expect(text).toContain('"two ""quoted""\nlines, and a comma"');
  expect(rows).toEqual([
    {
      Name: "N03",
      Description: 'two "quoted"\nlines, and a comma',
      AnnualRevenue: "3",
      Phone: "",
      CreatedDate: expect.stringMatching(/\.000\+0000$/),
    },
  ]);
});

test("an empty result is a header, and the last page", async () => {
  const id = await finished("SELECT Id, Name FROM Account WHERE Name = 'nobody'");
  const { text, locator, headers } = await page(id, "");
  expect([text, locator, headers.get("sforce-numberofrecords")]).toEqual(['"Id","Name"\n', "null", "0"]);
});

test("answers 409 in another version, and refuses results of a job at work", async () => {
  const id = await finished("SELECT Id FROM Account");
  expect((await call("GET", `/${id}/results`, undefined, "65.0")).status).toBe(409);
  await control(org.url, "POST", "bulk", { pollsInProgress: 1 });
  const job = await create("SELECT Id FROM Account");
  expect((await call("GET", `/${job.id}/results`)).body[0].errorCode).toBe("INVALIDJOBSTATE");
  expect((await call("DELETE", `/${job.id}`)).status).toBe(400);
});

test("aborts, lists and deletes jobs", async () => {
  const { id } = await create("SELECT Id FROM Account");
  expect((await call("PATCH", `/${id}`, { state: "Aborted" })).body.state).toBe("Aborted");
  expect((await call("GET", `/${id}`)).body.state).toBe("Aborted");
  expect((await call("PATCH", `/${id}`, { state: "UploadComplete" })).status).toBe(400);
  expect((await call("GET", "")).body.records[0]).toMatchObject({ id, state: "Aborted" });
  expect((await call("DELETE", `/${id}`)).status).toBe(204);
  expect((await call("GET", `/${id}`)).status).toBe(404);
});

test("fails with a message when a fault says so", async () => {
  await control(org.url, "POST", "faults", {
    method: "POST",
    path: "/**/jobs/query",
    error: "bulkJobFailed",
    body: "too long",
  });
  const { id } = await create("SELECT Id FROM Account");
  expect((await call("GET", `/${id}`)).body).toMatchObject({
    state: "Failed",
    errorMessage: "too long",
    numberRecordsProcessed: 0,
  });
});

test.each([
  [
    "SELECT Id, (SELECT Id FROM Contacts) FROM Account",
    "API_ERROR",
    "Aggregate Relationships not supported in Bulk V2 Query with CSV content type",
  ],
  ["SELECT COUNT(Id) FROM Account", "API_ERROR", "Aggregate functions"],
  ["SELECT Plan__c FROM Account GROUP BY Plan__c", "API_ERROR", "Aggregate functions"],
  ["SELECT BillingAddress FROM Account", "API_ERROR", "Selecting compound data not supported in Bulk Query"],
  ["SELECT Id FROM Account LIMIT 1 OFFSET 1", "API_ERROR", "OFFSET"],
  ["SELECT Nope FROM Account", "INVALID_FIELD", "No such column 'Nope' on entity 'Account'"],
  ["SELECT Id FROM Nope", "INVALID_TYPE", "sObject type 'Nope' is not supported"],
])("refuses %s", async (query, errorCode, message) => {
  const { status, body } = await call("POST", "", { query, operation: "query" });
  expect([status, body[0].errorCode, body[0].message]).toEqual([400, errorCode, expect.stringContaining(message)]);
});

test("counts its jobs in the limits", async () => {
  const left = async () => (await conn.limits()).DailyBulkV2QueryJobs?.Remaining as number;
  const before = await left();
  await create("SELECT Id FROM Account");
  expect(await left()).toBe(before - 1);
});
