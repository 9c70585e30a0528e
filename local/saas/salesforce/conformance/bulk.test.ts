import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import "jsforce/lib/api/bulk2.js";
import { Connection } from "jsforce/lib/core.js";
import { HttpApi } from "jsforce/lib/http-api.js";
import type { SalesforceEmulator } from "../emulator.ts";
import { connect, control, startTestOrg } from "../testing.ts";
import { jsforceProcess } from "./jsforce-process.ts";

// Bulk API 2.0 through an unmodified jsforce.
// https://developer.salesforce.com/docs/atlas.en-us.api_asynch.meta/api_asynch/query_get_job_results.htm

let org: SalesforceEmulator;
let conn: Connection;
beforeAll(async () => {
  org = await startTestOrg();
  conn = await connect(org);
  await conn.sobject("Account").create(Array.from({ length: 25 }, (_none, index) => ({ Name: `N${index}` })));
});
afterAll(() => org.stop());
beforeEach(async () => {
  await control(org.url, "DELETE", "faults");
  await control(org.url, "DELETE", "calls");
  await control(org.url, "POST", "bulk", { pollsInProgress: 1, pageRows: 50_000 });
});

const statuses = (route: string) => org.calls.report().routes[`${route}`]?.statuses ?? {};
const jobs = "/services/data/:version/jobs";

/** Status of the next DELETE, which the library sends and does not wait for. */
function nextDeletion(): Promise<number> {
  return new Promise((resolve) => {
    const see = ({ route, status }: { route: string; status: number }) => {
      if (!route.startsWith("DELETE")) return;
      org.calls.off("call", see);
      resolve(status);
    };
    org.calls.on("call", see);
  });
}

describe("queries", () => {
  test("one page comes as records", async () => {
    const stream = await conn.bulk2.query("SELECT Id, Name FROM Account", { pollInterval: 5 });
    const records = await stream.toArray();
    expect(records).toHaveLength(25);
    expect(statuses(`GET ${jobs}/query/:id`)[200]).toBe(2);
  });

  test("a job that fails is an error without its message, and is deleted", async () => {
    await control(org.url, "POST", "faults", {
      method: "POST",
      path: "/**/jobs/query",
      error: "bulkJobFailed",
      body: "Too many rows",
    });
    const deletion = nextDeletion();
    const query = conn.bulk2.query("SELECT Id FROM Account", { pollInterval: 5 });
    await expect(query).rejects.toThrow("Query job failed to complete");
    expect(await deletion).toBe(204);
  });

  test("our own loop over locators reads every page, and any page again", async () => {
    const { id } = (await conn.request({
      method: "POST",
      url: "/jobs/query",
      body: JSON.stringify({ operation: "query", query: "SELECT Name FROM Account" }),
    })) as { id: string };
    for (let state = ""; state !== "JobComplete"; )
      state = (await conn.request<{ state: string }>(`/jobs/query/${id}`)).state;
    const read = async (locator: string) => {
      let headers: Record<string, string> = {};
      const api = new HttpApi(conn, { responseType: "text/plain" });
      api.on("response", (response: { headers: Record<string, string> }) => {
        headers = response.headers;
      });
      const url = `${org.url}/services/data/v66.0/jobs/query/${id}/results?maxRecords=10${locator && `&locator=${locator}`}`;
      const csv = await api.request<string>({ method: "GET", headers: { Accept: "text/csv" }, url });
      return { csv, next: String(headers["sforce-locator"]), rows: Number(headers["sforce-numberofrecords"]) };
    };
    const sizes = [];
    const pages: Record<string, string> = {};
    for (let locator = ""; locator !== "null"; ) {
      const page = await read(locator);
      pages[locator] = page.csv;
      sizes.push(page.rows);
      locator = page.next;
    }
    expect(sizes).toEqual([10, 10, 5]);
    for (const [locator, csv] of Object.entries(pages)) expect((await read(locator)).csv).toBe(csv);
  });

  test("a second page ends the process: write after end", async () => {
    await control(org.url, "POST", "bulk", { pageRows: 10 });
    const script = `const stream = await connection.bulk2.query("SELECT Id FROM Account", { pollInterval: 5 });
      let rows = 0;
      for await (const row of stream) rows += 1;
      console.log("rows", rows);`;
    const { code, output } = await jsforceProcess(conn, script);
    expect(output).toContain("ERR_STREAM_WRITE_AFTER_END");
    expect(code).not.toBe(0);
  });

  test("a poll that takes too long tries to delete the job", async () => {
    await control(org.url, "POST", "bulk", { pollsInProgress: 100_000 });
    const deletion = nextDeletion();
    const query = conn.bulk2.query("SELECT Id FROM Account", { pollInterval: 5, pollTimeout: 30 });
    await expect(query).rejects.toMatchObject({ name: "JobPollingTimeout" });
    // A job at work cannot be deleted.
    expect(await deletion).toBe(400);
  });

  test("an expired session is refreshed on a 401 that names it", async () => {
    const other = await connect(org);
    const fresh = new Connection({
      instanceUrl: org.url,
      version: "66.0",
      accessToken: "stale",
      refreshFn: async (_connection, done) => done(null, String(other.accessToken)),
    });
    const stream = await fresh.bulk2.query("SELECT Id FROM Account", { pollInterval: 5 });
    expect(await stream.toArray()).toHaveLength(25);
  });
});

describe("ingest", () => {
  const load = (
    input: Record<string, unknown>[],
    operation: "insert" | "upsert" | "update" = "insert",
    externalIdFieldName?: string,
  ) =>
    conn.bulk2.loadAndWaitForResults({
      object: "Account",
      operation,
      input: input as never,
      pollInterval: 5,
      ...(externalIdFieldName ? { externalIdFieldName } : {}),
    });

  test("null travels as #N/A and clears, a boolean as a text, embedded quotes and line ends survive", async () => {
    const text = 'a "quoted"\nline, with commas';
    await load(
      [{ Legacy_Id__c: "B1", Name: "x", Phone: "1", Description: text, Is_Partner__c: true }],
      "upsert",
      "Legacy_Id__c",
    );
    await load([{ Legacy_Id__c: "B1", Phone: null }], "upsert", "Legacy_Id__c");
    const { records } = await conn.query(
      "SELECT Phone, Description, Is_Partner__c FROM Account WHERE Legacy_Id__c = 'B1'",
    );
    expect(records[0]).toMatchObject({ Phone: null, Description: text, Is_Partner__c: true });
  });

  test("results name the rows that were written and those that were not", async () => {
    const { successfulResults, failedResults, unprocessedRecords } = await load([
      { Name: "good", Renewal_Date__c: "2026-01-31" },
      { Name: "bad", Renewal_Date__c: "soon" },
    ]);
    expect(successfulResults).toMatchObject([
      { sf__Id: expect.stringMatching(/^001/), sf__Created: "true", Name: "good" },
    ]);
    expect(failedResults).toMatchObject([
      { sf__Id: "", sf__Error: expect.stringMatching(/'soon' is not a valid value for the type xsd:date/) },
    ]);
    expect(unprocessedRecords).toEqual([]);
  });

  test("a column that the object does not have fails the whole job", async () => {
    await expect(load([{ Name: "x", StageName_invalid: "y" }])).rejects.toThrow(
      "InvalidBatch : Field name not found : StageName_invalid",
    );
  });
});
