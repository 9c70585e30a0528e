import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { Connection, QueryOptions } from "jsforce/lib/core.js";
import type { SalesforceEmulator } from "./emulator.ts";
import { connect, control, startTestOrg } from "./testing.ts";

// https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_composite_sobjects_collections.htm
let org: SalesforceEmulator;
let conn: Connection;
beforeAll(async () => {
  org = await startTestOrg();
  conn = await connect(org);
});
afterAll(() => org.stop());

const names = (from: number, to: number) =>
  Array.from({ length: to - from }, (_none, index) => ({ Name: `N${from + index}` }));

describe("collections through jsforce", () => {
  test("creates, updates, retrieves and deletes in the order given", async () => {
    const made = await conn.sobject("Account").create(names(0, 3));
    const ids = made.map((one) => String(one.id));
    expect(made.every((one) => one.success)).toBe(true);
    const updated = await conn.sobject("Account").update(ids.map((Id) => ({ Id, Plan__c: "Free" })));
    expect(updated).toEqual(ids.map((id) => ({ id, success: true, errors: [] })));
    await conn.sobject("Account").destroy(String(ids[1]));
    const missing = "001000000000000AAA";
    const records = await conn.sobject("Account").retrieve([String(ids[2]), String(ids[1]), missing, String(ids[0])], {
      fields: ["Name", "Plan__c"],
    });
    expect(records.map((record) => record?.Name ?? null)).toEqual(["N2", null, null, "N0"]);
    const gone = await conn.sobject("Account").destroy(ids);
    expect(gone.map((one) => (one.success ? "ok" : one.errors[0]))).toEqual([
      "ok",
      { statusCode: "ENTITY_IS_DELETED", message: "entity is deleted", fields: [] },
      "ok",
    ]);
  });

  test("one failure leaves the others, unless allOrNone takes them back", async () => {
    const records = [{ Name: "Good" }, { Name: "Bad", Nope__c: 1 }];
    const count = async () => (await conn.query("SELECT COUNT() FROM Account WHERE Name = 'Good'")).totalSize;
    const partial = await conn.sobject("Account").create(records);
    expect(partial.map((one) => one.success)).toEqual([true, false]);
    expect(partial[1]?.errors).toEqual([
      { statusCode: "INVALID_FIELD", message: "No such column 'Nope__c' on sobject of type Account", fields: [] },
    ]);
    const all = await conn.sobject("Account").create(records, { allOrNone: true });
    expect(
      all.map((one) => one.errors[0]?.errorCode ?? (one.errors[0] as { statusCode?: string })?.statusCode),
    ).toEqual(["ALL_OR_NONE_OPERATION_ROLLED_BACK", "INVALID_FIELD"]);
    expect(await count()).toBe(1);
  });

  test("upserts by external id, and sees what the same call has made", async () => {
    const upsert = () =>
      conn.sobject("Account").upsert(
        [
          { Stripe_Customer_Id__c: "cus_a", Name: "A" },
          { Stripe_Customer_Id__c: "cus_b", Name: "B" },
          { Stripe_Customer_Id__c: "cus_a", Name: "A2" },
        ],
        "Stripe_Customer_Id__c",
      );
    const first = (await upsert()) as { id: string; created: boolean }[];
    expect(first.map((one) => one.created)).toEqual([true, true, false]);
    expect(first[2]?.id).toBe(first[0]?.id);
    expect(((await upsert()) as { created: boolean }[]).map((one) => one.created)).toEqual([false, false, false]);
  });

  test("refuses more than 200 records, and reads up to 2,000", async () => {
    await expect(conn.sobject("Account").create(names(0, 201))).rejects.toMatchObject({ name: "EXCEEDED_ID_LIMIT" });
    const made = (await conn.sobject("Account").create(names(0, 450), { allowRecursive: true })).map((one) =>
      String(one.id),
    );
    const ids = Array.from({ length: 2000 }, (_none, index) => String(made[index % made.length]));
    expect(await conn.sobject("Account").retrieve(ids, { fields: ["Id"] })).toHaveLength(2000);
    await expect(conn.sobject("Account").retrieve([...ids, ...ids], { fields: ["Id"] })).rejects.toMatchObject({
      name: "EXCEEDED_ID_LIMIT",
    });
  });

  test("a row lock shows in the results of a collection", async () => {
    const id = String((await conn.sobject("Account").create({ Name: "Locked" })).id);
    await control(org.url, "POST", "faults", { method: "PATCH", path: "/**/composite/sobjects", error: "rowLock" });
    const [result] = await conn.sobject("Account").update([{ Id: id, Name: "x" }]);
    expect(result).toMatchObject({ success: false, errors: [{ statusCode: "UNABLE_TO_LOCK_ROW" }] });
  });
});

// https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/sforce_api_calls_soql_select.htm
describe("SOQL", () => {
  let soql: Connection;
  let soqlOrg: SalesforceEmulator;
  beforeAll(async () => {
    soqlOrg = await startTestOrg({
      seed: {
        accounts: [
          { Name: "Alpha", Plan__c: "Free", NumberOfEmployees: 10, BillingCity: "O'Brien" },
          { Name: "Beta", Plan__c: "Team", NumberOfEmployees: 20 },
          { Name: "Gamma_x", Plan__c: "Team", AnnualRevenue: 1.5 },
          { Name: "Delta", Plan__c: "Enterprise", NumberOfEmployees: 5, Sync_Time__c: "2024-01-01T00:00:00+01:00" },
        ],
      },
    });
    soql = await connect(soqlOrg);
  });
  afterAll(() => soqlOrg.stop());

  const find = async (where: string) => {
    const { records } = await soql.query(`SELECT Name FROM Account WHERE ${where} ORDER BY Name`);
    return records.map((record) => String(record.Name)[0]).join("");
  };

  const cases: [string, string][] = [
    ["Plan__c = 'team'", "BG"],
    ["Plan__c != 'Team'", "AD"],
    ["NOT Plan__c = 'Team'", "AD"],
    ["NumberOfEmployees = null", "G"],
    ["BillingCity = ''", "BDG"],
    ["NumberOfEmployees > 5", "AB"],
    ["NumberOfEmployees <= 10", "AD"],
    ["AnnualRevenue >= 1.5", "G"],
    ["Name LIKE '%a'", "ABD"],
    ["Name LIKE 'gamma\\_%'", "G"],
    ["Name LIKE '_eta'", "B"],
    ["BillingCity = 'O\\'Brien'", "A"],
    ["Plan__c IN ('Free', 'Enterprise')", "AD"],
    ["Name NOT IN ('Alpha')", "BDG"],
    ["(Plan__c = 'Free' OR Plan__c = 'Team') AND NumberOfEmployees > 10", "B"],
    ["Plan__c = 'Free' OR (Plan__c = 'Team' AND NumberOfEmployees > 10)", "AB"],
    ["NOT (Plan__c = 'Team' AND NumberOfEmployees = 20) AND Name != 'Delta'", "AG"],
    ["Sync_Time__c = 2023-12-31T23:00:00Z", "D"],
    ["CreatedDate = TODAY OR CreatedDate = YESTERDAY", "ABDG"],
    ["LastModifiedDate < LAST_N_DAYS:3", ""],
    ["Owner.Name LIKE 'Ada%' AND IsDeleted = false", "ABDG"],
  ];
  test.each(cases)("WHERE %s", async (where, expected) => {
    expect(await find(where)).toBe([...expected].sort().join(""));
  });

  test("orders with nulls first or last, limits, skips and counts", async () => {
    const order = async (clause: string) =>
      (await soql.query(`SELECT Id, Name FROM Account ${clause}`)).records.map((one) => String(one.Name)[0]).join("");
    expect(await order("ORDER BY NumberOfEmployees")).toBe("GDAB");
    expect(await order("ORDER BY NumberOfEmployees DESC NULLS LAST")).toBe("BADG");
    expect(await order("ORDER BY Name LIMIT 2 OFFSET 1")).toBe("BD");
    expect((await soql.query("SELECT COUNT() FROM Account WHERE Plan__c = 'Team'")).totalSize).toBe(2);
    expect((await soql.query("SELECT COUNT(NumberOfEmployees) n FROM Account")).records[0]).toMatchObject({ n: 3 });
  });

  test("shows parents nested, compounds in lower camel, and deleted records to queryAll only", async () => {
    const account = (await soql.query("SELECT Id, Owner.Name, BillingAddress FROM Account WHERE Name = 'Alpha'"))
      .records[0];
    expect(account).toMatchObject({ Owner: { Name: "Ada Admin" }, BillingAddress: { city: "O'Brien", street: null } });
    const { id } = await soql.sobject("Account").create({ Name: "Gone" });
    await soql.sobject("Account").destroy(String(id));
    const query = "SELECT Id, IsDeleted FROM Account WHERE Name = 'Gone'";
    expect((await soql.query(query)).totalSize).toBe(0);
    expect((await soql.query(query, { scanAll: true })).records[0]).toMatchObject({ IsDeleted: true });
  });

  test("gives large results in pages that stay as they were", async () => {
    await soql.sobject("Contact").create(
      Array.from({ length: 450 }, (_none, index) => ({ LastName: `L${index}` })),
      {
        allowRecursive: true,
      },
    );
    const options = { headers: { "Sforce-Query-Options": "batchSize=200" } } as unknown as QueryOptions;
    const first = await soql.query("SELECT Id FROM Contact", options);
    expect([first.records.length, first.totalSize, first.done]).toEqual([200, 450, false]);
    expect(first.nextRecordsUrl).toMatch(/\/services\/data\/v66\.0\/query\/01g\w{15}-200$/);
    await soql.sobject("Contact").destroy(String(first.records[0]?.Id));
    const second = await soql.queryMore(String(first.nextRecordsUrl), options);
    const third = await soql.queryMore(String(second.nextRecordsUrl), options);
    expect([second.records.length, third.records.length, third.done]).toEqual([200, 50, true]);
    await expect(soql.queryMore("/services/data/v66.0/query/01gxx-5")).rejects.toMatchObject({
      name: "INVALID_QUERY_LOCATOR",
    });
  });

  const errors: [string, string][] = [
    ["SELECT Nope FROM Account", "INVALID_FIELD"],
    ["SELECT Id FROM Accout", "INVALID_TYPE"],
    ["SELECT FROM Account", "MALFORMED_QUERY"],
    ["SELECT Id, Id FROM Account", "MALFORMED_QUERY"],
    ["SELECT Id FROM Account WHERE Name = 'a' OR Name = 'b' AND Name = 'c'", "MALFORMED_QUERY"],
    ["SELECT Id FROM Account WHERE Name = 5", "INVALID_FIELD"],
    ["SELECT Id FROM Account WHERE Id = 'x'", "INVALID_QUERY_FILTER_OPERATOR"],
    ["SELECT Id, (SELECT Id FROM Contacts) FROM Account", "NOT_EMULATED"],
    ["SELECT Plan__c, COUNT(Id) FROM Account GROUP BY Plan__c", "NOT_EMULATED"],
  ];
  test.each(errors)("refuses %s", async (query, name) => {
    await expect(soql.query(query)).rejects.toMatchObject({ name });
  });
});
