import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { Connection } from "jsforce/lib/core.js";
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

  type Upserted = { id: string; success: boolean; created: boolean; errors: { statusCode: string; message: string }[] };
  const upsert = async (records: Record<string, unknown>[], field = "Stripe_Customer_Id__c") =>
    (await conn.sobject("Account").upsert(records as never, field as never)) as unknown as Upserted[];

  test("upserts by external id", async () => {
    const records = ["cus_a", "cus_b"].map((id) => ({ Stripe_Customer_Id__c: id, Name: id }));
    const first = await upsert(records);
    expect(first.map((one) => one.created)).toEqual([true, true]);
    const second = await upsert(records);
    expect(second).toEqual(first.map(({ id }) => ({ id, success: true, created: false, errors: [] })));
  });

  test("refuses every record that shares its external id or its id with another of the same call", async () => {
    const twins = await upsert(["cus_t", "CUS_T", "cus_u"].map((id) => ({ Stripe_Customer_Id__c: id, Name: "T" })));
    expect(twins.map((one) => one.errors[0]?.message)).toEqual([
      "Duplicate external id specified: cus_t",
      "Duplicate external id specified: CUS_T",
      undefined,
    ]);
    const id = String(twins[2]?.id);
    const updated = await conn.sobject("Account").update([
      { Id: id, Name: "1" },
      { Id: id.slice(0, 15), Name: "2" },
    ]);
    expect(updated.map((one) => (one.success ? "ok" : (one.errors[0] as { statusCode?: string }).statusCode))).toEqual([
      "DUPLICATE_VALUE",
      "DUPLICATE_VALUE",
    ]);
  });

  test("upserts by Id: updates, and never creates", async () => {
    const made = await conn.sobject("Account").create({ Name: "By id" });
    const missing = "001000000000000AAA";
    const results = await upsert(
      [
        { Id: made.id, Name: "Again" },
        { Id: missing, Name: "Ghost" },
      ],
      "Id",
    );
    expect(results[0]).toEqual({ id: made.id, success: true, created: false, errors: [] });
    expect(results[1]?.errors[0]?.statusCode).toBe("INVALID_CROSS_REFERENCE_KEY");
    expect((await conn.query("SELECT COUNT() FROM Account WHERE Name = 'Ghost'")).totalSize).toBe(0);
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

  test("locks some of the records of a collection, the same ones for the same seed", async () => {
    const ids = (await conn.sobject("Account").create(names(0, 20))).map((one) => String(one.id));
    const locked = async () => {
      const body = { recordProbability: 0.4, seed: 9 };
      await control(org.url, "POST", "faults", {
        method: "PATCH",
        path: "/**/composite/sobjects",
        error: "rowLock",
        body,
      });
      const results = await conn.sobject("Account").update(ids.map((Id) => ({ Id, Name: "x" })));
      return results.map((one) => one.success);
    };
    const first = await locked();
    expect(new Set(first)).toEqual(new Set([true, false]));
    expect(await locked()).toEqual(first);
  });

  test.each([
    ["duplicateValue", "DUPLICATE_VALUE"],
    ["validationException", "FIELD_CUSTOM_VALIDATION_EXCEPTION"],
  ])("the fault %s shows in the results of a collection, and fails a single record", async (error, code) => {
    const id = String((await conn.sobject("Account").create({ Name: "V" })).id);
    await control(org.url, "POST", "faults", { method: "PATCH", path: "/**", error, times: 2 });
    const [result] = await conn.sobject("Account").update([{ Id: id, Name: "x" }]);
    expect(result).toMatchObject({ success: false, errors: [{ statusCode: code }] });
    await expect(conn.sobject("Account").update({ Id: id, Name: "x" })).rejects.toMatchObject({ name: code });
  });

  test("a row lock shows in the results of a collection", async () => {
    const id = String((await conn.sobject("Account").create({ Name: "Locked" })).id);
    await control(org.url, "POST", "faults", { method: "PATCH", path: "/**/composite/sobjects", error: "rowLock" });
    const [result] = await conn.sobject("Account").update([{ Id: id, Name: "x" }]);
    expect(result).toMatchObject({ success: false, errors: [{ statusCode: "UNABLE_TO_LOCK_ROW" }] });
  });
});
