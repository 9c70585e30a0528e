import { afterEach, beforeEach, expect, test } from "@jest/globals";
import type { Connection } from "jsforce/lib/core.js";
import type { SalesforceEmulator } from "../emulator.ts";
import { Org } from "../org.ts";
import { requireType } from "../schema.ts";
import { freshState, newUsers } from "../state.ts";
import { Store } from "../store/store.ts";
import { connect, control, startTestOrg } from "../testing.ts";
import { generateRecords } from "./generate.ts";

const account = requireType("Account");
let org: SalesforceEmulator;
let conn: Connection;
beforeEach(async () => {
  org = await startTestOrg();
  conn = await connect(org);
});
afterEach(() => org.stop());

const post = (body: unknown) => control(org.url, "POST", "seed", body);
const events = async () => ((await control(org.url, "GET", "log")) as { commits: unknown[] }).commits;

test("quiet records are a day old and make no events", async () => {
  const { accounts } = (await post({ accounts: [{ Name: "A" }], quiet: true })) as { accounts: string[] };
  expect(await events()).toEqual([]);
  const { SystemModstamp, Name } = await conn.sobject("Account").retrieve(String(accounts[0]));
  expect([Name, Date.now() - Date.parse(String(SystemModstamp)) > 23 * 3600 * 1000]).toEqual(["A", true]);
  await post({ accounts: [{ Name: "B" }] });
  expect(await events()).toHaveLength(1);
});

test("generated records are found by queries, make no events, and go on with the ids", async () => {
  await post({ generate: { accounts: 300, contacts: 600, seed: 7 } });
  expect(await events()).toEqual([]);
  expect((await conn.query("SELECT COUNT() FROM Account")).totalSize).toBe(300);
  const [contact] = (await conn.query("SELECT Account.Name, Account_Plan__c, Account.Plan__c FROM Contact LIMIT 1"))
    .records;
  const parent = contact?.Account as { Name: string; Plan__c: string } | undefined;
  expect([parent?.Name, contact?.Account_Plan__c]).toEqual([expect.any(String), parent?.Plan__c]);
  await conn.sobject("Account").create({ Name: "Next" });
  expect((await conn.query("SELECT COUNT() FROM Account")).totalSize).toBe(301);
  await expect(post({ generate: { accounts: -1 } })).rejects.toThrow("accounts");
});

test("100,000 accounts are made within seconds, all different, the same ones for the same seed", () => {
  const make = (count: number) => {
    const now = Date.parse("2026-11-22T10:00:00Z");
    const store = new Store();
    store.apply({ put: { User: newUsers(now, 1) } });
    const made = new Org(freshState(now), () => now, store);
    generateRecords(made, { accounts: count, contacts: 0, seed: 5 }, "0055f0000000001AAA");
    return made.records(account);
  };
  const began = performance.now();
  const records = make(100_000);
  expect(performance.now() - began).toBeLessThan(15_000);
  for (const field of ["Id", "Name", "Phone", "Billing_Email__c", "Website", "AccountNumber"])
    expect([field, new Set(records.map((record) => record[field])).size]).toEqual([field, 100_000]);
  const days = new Set(records.map(({ SystemModstamp }) => String(SystemModstamp).slice(0, 10)));
  expect(days.size).toBeGreaterThan(1000);
  expect(make(100)).toEqual(records.slice(0, 100));
});
