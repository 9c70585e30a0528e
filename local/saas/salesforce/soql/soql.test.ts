import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { Connection, QueryOptions } from "jsforce/lib/core.js";
import type { SalesforceEmulator } from "../emulator.ts";
import { connect, startTestOrg } from "../testing.ts";

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
    ["SELECT Id, (SELECT Id FROM Contactz) FROM Account", "INVALID_TYPE"],
    ["SELECT Name, COUNT(Id) FROM Account GROUP BY Plan__c", "MALFORMED_QUERY"],
    ["SELECT COUNT(), Id FROM Account", "MALFORMED_QUERY"],
    ["SELECT SUM(Name) FROM Account", "MALFORMED_QUERY"],
    ["SELECT Name n FROM Account", "MALFORMED_QUERY"],
    ["SELECT Id FROM Account WHERE Name INCLUDES ('a')", "INVALID_QUERY_FILTER_OPERATOR"],
    ["SELECT Id FROM Account WHERE Name IN (SELECT Id FROM Contact)", "INVALID_FIELD"],
    ["SELECT Id FROM Account WHERE Id IN (SELECT Name FROM Contact)", "MALFORMED_QUERY"],
    ["SELECT Id FROM Account WHERE Nope.Name = 'x'", "INVALID_FIELD"],
    ["SELECT Id FROM Account OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE"],
    ["SELECT Plan__c, COUNT(Id) FROM Account GROUP BY ROLLUP(Plan__c)", "NOT_EMULATED"],
    ["SELECT Id FROM Account FOR UPDATE", "NOT_EMULATED"],
  ];
  test.each(errors)("refuses %s", async (query, name) => {
    await expect(soql.query(query)).rejects.toMatchObject({ name });
  });

  test("shows where an error is", async () => {
    const failure = async (query: string) =>
      soql.query(query).then(
        () => "",
        (error: Error) => error.message,
      );
    expect(await failure("SELECT Id, Nope FROM Account")).toBe(
      "\nSELECT Id, Nope FROM Account\n           ^\nERROR at Row:1:Column:12\nNo such column 'Nope' on entity 'Account'. If you are attempting to use a custom field, be sure to append the '__c' after the custom field name. Please reference your WSDL or the describe call for the appropriate names.",
    );
    expect(await failure("SELECT Id\nFROM Accout")).toContain(
      "ERROR at Row:2:Column:6\nsObject type 'Accout' is not supported.",
    );
    expect(await failure("SELECT Id FROM Account WHERE")).toContain("unexpected token: '<EOF>'");
    expect(await failure("SELECT Id FROM Account WHERE Name = 'a' OR Name = 'b' AND Name = 'c'")).toContain(
      "ERROR at Row:1:Column:55\nunexpected token: 'AND'",
    );
  });
});

describe("SOQL over several objects and groups", () => {
  let soql: Connection;
  let org: SalesforceEmulator;
  beforeAll(async () => {
    org = await startTestOrg();
    soql = await connect(org);
    const [acme, globex, initech] = (
      await soql.sobject("Account").create([
        { Name: "Acme", Plan__c: "Free", NumberOfEmployees: 10, Regions__c: "North;South" },
        { Name: "Globex", Plan__c: "Team", NumberOfEmployees: 20, Regions__c: "North" },
        { Name: "Initech", Plan__c: "Team", AnnualRevenue: 1.5 },
      ])
    ).map((one) => String(one.id));
    await soql.sobject("Account").update({ Id: String(globex), ParentId: String(acme) });
    const contacts = [
      { LastName: "Ash", AccountId: acme, Email: "a@x.example" },
      { LastName: "Birch", AccountId: acme },
      { LastName: "Cedar", AccountId: globex },
      { LastName: "Oak" },
      // Enough for ids that differ in the case of a letter.
      ...Array.from({ length: 60 }, () => ({ LastName: "Zz" })),
    ];
    expect((await soql.sobject("Contact").create(contacts)).every((one) => one.success)).toBe(true);
    expect(initech).toBeDefined();
  });
  afterAll(() => org.stop());

  const rows = async (query: string) =>
    JSON.parse(
      JSON.stringify((await soql.query(query)).records, (key, value) => (key === "attributes" ? undefined : value)),
    );
  const namesOf = async (where: string) =>
    (await rows(`SELECT Name FROM Account WHERE ${where} ORDER BY Name`)).map((one: { Name: string }) => one.Name);

  test("nests children, each list with its own order and limit", async () => {
    const query =
      "SELECT Name, (SELECT LastName FROM Contacts ORDER BY LastName DESC LIMIT 1) FROM Account ORDER BY Name";
    expect(await rows(query)).toEqual([
      { Name: "Acme", Contacts: { totalSize: 1, done: true, records: [{ LastName: "Birch" }] } },
      { Name: "Globex", Contacts: { totalSize: 1, done: true, records: [{ LastName: "Cedar" }] } },
      { Name: "Initech", Contacts: null },
    ]);
  });

  test("goes up several parents", async () => {
    const query = "SELECT LastName, Account.Parent.Owner.Name FROM Contact WHERE Account.Parent.Name = 'Acme'";
    expect(await rows(query)).toEqual([
      { LastName: "Cedar", Account: { Parent: { Owner: { Name: "Connector Fleet" } } } },
    ]);
  });

  test("groups, aggregates and orders by aggregates", async () => {
    const query =
      "SELECT Plan__c plan, COUNT(Id), SUM(NumberOfEmployees) staff, MAX(Name) FROM Account GROUP BY Plan__c ORDER BY COUNT(Id) DESC";
    expect(await rows(query)).toEqual([
      { plan: "Team", expr0: 2, staff: 20, expr1: "Initech" },
      { plan: "Free", expr0: 1, staff: 10, expr1: "Acme" },
    ]);
    expect(
      await rows("SELECT Plan__c FROM Account GROUP BY Plan__c HAVING COUNT(Id) > 1 AND Plan__c != 'Free'"),
    ).toEqual([{ Plan__c: "Team" }]);
    const totals =
      "SELECT AVG(NumberOfEmployees) a, MIN(AnnualRevenue) m, COUNT_DISTINCT(Plan__c) d, COUNT(ParentId) FROM Account";
    expect(await rows(totals)).toEqual([{ a: 15, m: 1.5, d: 2, expr0: 1 }]);
    const year = new Date().getUTCFullYear();
    expect(
      await rows("SELECT CALENDAR_YEAR(CreatedDate) y, COUNT(Id) n FROM Contact GROUP BY CALENDAR_YEAR(CreatedDate)"),
    ).toEqual([{ y: year, n: 64 }]);
    expect(await rows("SELECT MAX(Name) FROM Account WHERE Name = 'nobody'")).toEqual([{ expr0: null }]);
  });

  const cases: [string, string[]][] = [
    ["Id IN (SELECT AccountId FROM Contact WHERE LastName LIKE 'A%')", ["Acme"]],
    ["Id NOT IN (SELECT AccountId FROM Contact)", ["Initech"]],
    ["Regions__c INCLUDES ('North;South')", ["Acme"]],
    ["Regions__c INCLUDES ('South', 'North')", ["Acme", "Globex"]],
    ["Regions__c EXCLUDES ('South')", ["Globex", "Initech"]],
    ["CreatedDate = THIS_YEAR AND CreatedDate = LAST_N_WEEKS:1", []],
    ["DAY_ONLY(CreatedDate) >= LAST_WEEK", ["Acme", "Globex", "Initech"]],
    ["ParentId != null", ["Globex"]],
  ];
  test.each(cases)("WHERE %s", async (where, expected) => {
    expect(await namesOf(where)).toEqual(expected);
  });

  test("describes the columns of a query without running it", async () => {
    const columns = async (query: string) => {
      const path = `/query?q=${encodeURIComponent(query)}&columns=true`;
      return (await soql.request<{ columnMetadata: unknown[] }>(path)).columnMetadata;
    };
    const plain = { aggregate: false, joinColumns: [] };
    expect(await columns("SELECT Id, Owner.Name, (SELECT LastName FROM Contacts) FROM Account")).toEqual([
      { columnName: "Id", displayName: "Id", ...plain },
      {
        columnName: "Owner",
        displayName: "Owner",
        aggregate: false,
        joinColumns: [{ columnName: "Name", displayName: "Name", ...plain }],
      },
      {
        columnName: "Contacts",
        displayName: "Contacts",
        aggregate: true,
        joinColumns: [{ columnName: "LastName", displayName: "LastName", ...plain }],
      },
    ]);
    expect(await columns("SELECT Plan__c, COUNT(Id) FROM Account GROUP BY Plan__c")).toEqual([
      { columnName: "Plan__c", displayName: "Plan__c", ...plain },
      { columnName: "expr0", displayName: "COUNT(Id)", aggregate: true, joinColumns: [] },
    ]);
  });

  test("orders ids with regard to case, as the sweep's tie-break needs", async () => {
    const ids = (await rows("SELECT Id FROM Contact ORDER BY Id")).map((one: { Id: string }) => one.Id);
    expect(ids).toEqual([...ids].sort());
    for (const [index, id] of ids.entries()) {
      const after = await rows(`SELECT Id FROM Contact WHERE Id > '${id}'`);
      expect(after).toHaveLength(ids.length - index - 1);
    }
  });

  test("sweeps in the order of the time stamp, from one, after an id", async () => {
    const order = "ORDER BY SystemModstamp, Id LIMIT 40";
    const first = await rows(`SELECT Id, SystemModstamp FROM Contact ${order}`);
    const { Id, SystemModstamp } = first[39];
    const stamp = SystemModstamp.replace("+0000", "Z");
    const where = `SystemModstamp > ${stamp} OR (SystemModstamp = ${stamp} AND Id > '${Id}')`;
    const second = await rows(`SELECT Id FROM Contact WHERE ${where} ${order}`);
    const all = (await rows("SELECT Id FROM Contact ORDER BY Id")).map((one: { Id: string }) => one.Id);
    expect([...first, ...second].map((one) => one.Id)).toEqual(all);
  });
});
