import { expect, test } from "@jest/globals";
import { makeId } from "../ids.ts";
import { accountType } from "../objects/account.ts";
import { Org } from "../org.ts";
import { runQuery } from "../soql/run.ts";
import { freshState, type StoredRecord } from "../state.ts";
import { QueryJobs } from "./query-jobs.ts";

const ACCOUNTS = 100_000;
const SOQL = "SELECT Id, Name, Phone, BillingStreet, BillingCity, AnnualRevenue, SystemModstamp FROM Account";

/** An org in which a thousand accounts share each second. */
function largeOrg(): Org {
  const org = new Org(freshState());
  const records = Array.from({ length: ACCOUNTS }, (_none, index): StoredRecord => {
    const stamp = new Date(Date.UTC(2026, 0, 1) + Math.floor(index / 1000) * 1000).toISOString();
    return {
      Id: makeId("001", index + 1),
      IsDeleted: false,
      Name: `Account ${index}`,
      BillingStreet: `${index} Main Street`,
      BillingCity: "Springfield",
      AnnualRevenue: index,
      SystemModstamp: stamp,
    };
  });
  org.place(accountType, records);
  return org;
}

function timed<Result>(work: () => Result): { result: Result; ms: number } {
  const start = performance.now();
  const result = work();
  return { result, ms: performance.now() - start };
}

test("serves 100,000 accounts quickly: a bulk job in seconds, a page of 10,000 in less, a sweep over all", () => {
  const org = largeOrg();
  const scope = { org, userId: "005000000000000AAA", version: "66.0" };
  org.state.rest.bulk.pollsInProgress = 0;
  const jobs = new QueryJobs(org);
  const created = timed(() => jobs.create(scope, SOQL, "query", undefined));
  const { id } = created.result;
  expect(jobs.poll(id)).toMatchObject({ state: "JobComplete", numberRecordsProcessed: ACCOUNTS });
  expect(created.ms).toBeLessThan(5_000);

  let rows = 0;
  for (let locator: string | undefined; locator !== "null"; ) {
    const page = timed(() => jobs.results(scope, id, locator, 10_000));
    expect(page.ms).toBeLessThan(2_000);
    rows += page.result.rows;
    locator = page.result.locator;
  }
  expect(rows).toBe(ACCOUNTS);

  const seen = new Set<unknown>();
  const sweep = timed(() => {
    let where = "";
    for (let size = 2000; size === 2000; ) {
      const soql = `SELECT Id, SystemModstamp FROM Account ${where} ORDER BY SystemModstamp, Id LIMIT 2000`;
      const page = runQuery({ ...scope, soql, includeDeleted: false }).page(0, 2000);
      for (const { Id } of page) seen.add(Id);
      const { Id, SystemModstamp } = page.at(-1) ?? {};
      const stamp = String(SystemModstamp).replace("+0000", "Z");
      where = `WHERE SystemModstamp > ${stamp} OR (SystemModstamp = ${stamp} AND Id > '${String(Id)}')`;
      size = page.length;
    }
  });
  expect(seen.size).toBe(ACCOUNTS);
  expect(sweep.ms).toBeLessThan(10_000);
});
