import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { parse } from "csv-parse/sync";
import "jsforce/lib/api/bulk2.js";
import type { Connection } from "jsforce/lib/core.js";
import type { SalesforceEmulator } from "../emulator.ts";
import { connect, control, startTestOrg } from "../testing.ts";

// https://developer.salesforce.com/docs/atlas.en-us.api_asynch.meta/api_asynch/bulk_api_2_ingest.htm
let org: SalesforceEmulator;
let conn: Connection;
beforeAll(async () => {
  org = await startTestOrg();
  conn = await connect(org);
});
afterAll(() => org.stop());
beforeEach(() => control(org.url, "POST", "bulk", { pollsInProgress: 0 }));

async function call(method: string, path: string, body?: unknown, type = "application/json") {
  const response = await fetch(`${org.url}/services/data/v66.0/jobs/ingest${path}`, {
    method,
    headers: {
      authorization: `Bearer ${conn.accessToken}`,
      "content-type": type,
      "sforce-call-options": "client=bulk-tester",
    },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.startsWith("application/json");
  return { status: response.status, text, body: isJson ? JSON.parse(text) : undefined };
}

/** Runs a whole job and gives back its last state. */
async function run(request: Record<string, unknown>, csv: string) {
  const { body: job } = await call("POST", "", { contentType: "CSV", ...request });
  expect(job).toMatchObject({ state: "Open", contentUrl: `services/data/v66.0/jobs/ingest/${job.id}/batches` });
  expect((await call("PUT", `/${job.id}/batches`, csv, "text/csv")).status).toBe(201);
  expect((await call("PATCH", `/${job.id}`, { state: "UploadComplete" })).body.state).toBe("UploadComplete");
  return (await call("GET", `/${job.id}`)).body;
}

const results = async (id: string, kind: string) =>
  parse((await call("GET", `/${id}/${kind}`)).text, { columns: true }) as Record<string, string>[];

test("jsforce loads records and waits for the results", async () => {
  const accounts = Array.from({ length: 450 }, (_none, index) => ({
    Name: `L${index}`,
    Phone: index % 2 ? "1" : null,
  }));
  const options = { object: "Account", operation: "insert" as const, input: accounts, pollInterval: 5 };
  const { successfulResults, failedResults, unprocessedRecords } = await conn.bulk2.loadAndWaitForResults(options);
  expect([successfulResults.length, failedResults.length, unprocessedRecords.length]).toEqual([450, 0, 0]);
  const names = successfulResults.map((one) => (one as unknown as { Name: string }).Name);
  expect([...names].sort()).toEqual(accounts.map((one) => one.Name).sort());
  expect(names).not.toEqual(accounts.map((one) => one.Name));
  expect((await conn.query("SELECT COUNT() FROM Account WHERE Phone = '1'")).totalSize).toBe(225);
});

test("upserts by external id: creates, updates, clears with #N/A, and leaves what is empty", async () => {
  const request = { object: "Account", operation: "upsert", externalIdFieldName: "Legacy_Id__c" };
  const first = await run(request, 'Legacy_Id__c,Name,Phone,Description\nL1,One,123,"a\nb"\n');
  expect(first).toMatchObject({
    state: "JobComplete",
    numberRecordsProcessed: 1,
    numberRecordsFailed: 0,
    jobType: "V2Ingest",
  });
  const second = await run(request, "Legacy_Id__c,Name,Phone,Description\nL1,Uno,#N/A,\nL2,Two,2,\n");
  const created = (await results(second.id, "successfulResults")).map((one) => [one.Legacy_Id__c, one.sf__Created]);
  expect(Object.fromEntries(created)).toEqual({ L1: "false", L2: "true" });
  const [account] = (await conn.query("SELECT Name, Phone, Description FROM Account WHERE Legacy_Id__c = 'L1'"))
    .records;
  expect(account).toMatchObject({ Name: "Uno", Phone: null, Description: "a\nb" });
});

test("tells the error of each row that failed", async () => {
  const csv = "Name,NumberOfEmployees,Renewal_Date__c\nGood,5,2026-01-31\n,1,\nBad,5,tomorrow\n";
  const job = await run({ object: "Account", operation: "insert" }, csv);
  expect(job).toMatchObject({ state: "JobComplete", numberRecordsProcessed: 3, numberRecordsFailed: 2 });
  const errors = (await results(job.id, "failedResults")).map((one) => one.sf__Error);
  expect(errors).toEqual([
    "INVALID_FIELD:Failed to deserialize field at col 2. Due to, 'tomorrow' is not a valid value for the type xsd:date:Renewal_Date__c --",
    "REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --",
  ]);
  expect(await results(job.id, "unprocessedrecords")).toEqual([]);
});

test("updates and deletes by id, as another API with its own origin", async () => {
  const { id } = await conn.sobject("Account").create({ Name: "Old" });
  await run({ object: "Account", operation: "update" }, `Id,Name\n${id},New\n`);
  expect((await conn.sobject("Account").retrieve(String(id))).Name).toBe("New");
  const job = await run({ object: "Account", operation: "delete" }, `Id\n${id}\n001000000000000AAA\n`);
  expect((await results(job.id, "failedResults"))[0]?.sf__Error).toMatch(/^INVALID_CROSS_REFERENCE_KEY:/);
  expect((await conn.query(`SELECT Id FROM Account WHERE Id = '${id}'`)).totalSize).toBe(0);
  expect(JSON.stringify(await control(org.url, "GET", "log"))).toContain(
    "com/salesforce/api/bulkapi/66.0;client=bulk-tester",
  );
});

test.each([
  ["Nope,Name\n1,x\n", "InvalidBatch : Field name not found : Nope"],
  ["Name\r\nx\r\n", "ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is LF"],
  ['Name\n"open\n', expect.stringMatching(/^InvalidBatch : Failed to parse CSV/)],
])("a file that cannot be read fails the job: %j", async (csv, errorMessage) => {
  const job = await run({ object: "Account", operation: "insert" }, csv);
  expect(job).toMatchObject({ state: "Failed", errorMessage, numberRecordsProcessed: 0 });
});

test("takes other delimiters and line ends", async () => {
  const request = { object: "Account", operation: "insert", columnDelimiter: "SEMICOLON", lineEnding: "CRLF" };
  const job = await run(request, "Name;Phone\r\nSemi;7\r\n");
  expect((await call("GET", `/${job.id}/successfulResults`)).text).toMatch(
    /^"sf__Id";"sf__Created";"Name";"Phone"\r\n/,
  );
});

test("an aborted job leaves its rows unprocessed, one that fails on its way the rest", async () => {
  const { body: job } = await call("POST", "", { object: "Account", operation: "insert" });
  await call("PUT", `/${job.id}/batches`, "Name\nA\n", "text/csv");
  expect((await call("PUT", `/${job.id}/batches`, "Name\nB\n", "text/csv")).body[0].errorCode).toBe("INVALIDJOBSTATE");
  expect((await call("PATCH", `/${job.id}`, { state: "Aborted" })).body.state).toBe("Aborted");
  expect(await results(job.id, "unprocessedrecords")).toEqual([{ Name: "A" }]);

  await control(org.url, "POST", "faults", {
    method: "PATCH",
    path: "/**/jobs/ingest/*",
    error: "bulkJobFailed",
    body: "broken",
  });
  const csv = `Name\n${Array.from({ length: 250 }, (_none, index) => `B${index}`).join("\n")}\n`;
  const failed = await run({ object: "Account", operation: "insert" }, csv);
  expect(failed).toMatchObject({ state: "Failed", errorMessage: "broken" });
  expect(await results(failed.id, "successfulResults")).toHaveLength(200);
  expect(await results(failed.id, "unprocessedrecords")).toHaveLength(50);
});

test("locks rows when a fault says so", async () => {
  await control(org.url, "POST", "faults", { method: "PATCH", path: "/**/jobs/ingest/*", error: "rowLock" });
  const job = await run({ object: "Account", operation: "insert" }, "Name\nA\n");
  expect((await results(job.id, "failedResults"))[0]?.sf__Error).toMatch(
    /^UNABLE_TO_LOCK_ROW:unable to obtain exclusive/,
  );
});

test.each([
  [{ object: "Nope", operation: "insert" }, "INVALIDENTITY"],
  [{ object: "Account", operation: "hardDelete" }, "INVALIDJOB"],
  [{ object: "Account", operation: "upsert" }, "NOT_FOUND"],
])("refuses the job %j", async (request, errorCode) => {
  expect((await call("POST", "", request)).body[0].errorCode).toBe(errorCode);
});
