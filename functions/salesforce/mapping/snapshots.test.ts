import { describe, expect, test } from "@jest/globals";
import { FleetError, RejectedByTargetError, TransientError } from "#shared/errors.ts";
import {
  ACCOUNT,
  account,
  CONTACT,
  contact,
  type FakeOrg,
  fakeSalesforce,
  OTHER_ACCOUNT,
  OTHER_CONTACT,
} from "../testing.ts";
import { currency } from "./field-types.ts";
import { mappings } from "./fields.ts";
import type { Mapping } from "./mapping.ts";
import { readCustomers } from "./snapshots.ts";

const read = async (org: FakeOrg, ids: readonly string[] = [ACCOUNT]) => {
  const salesforce = fakeSalesforce(org);
  const found = await readCustomers(salesforce, ids).catch((error) => error as FleetError);
  return { found, calls: salesforce.calls };
};
const customerOf = (found: unknown, id = ACCOUNT) => {
  const snapshot = (found as Awaited<ReturnType<typeof readCustomers>>).get(id);
  return snapshot instanceof FleetError ? snapshot : snapshot?.customer;
};
const accounts = [account(ACCOUNT), account(OTHER_ACCOUNT, { Name: "Other" })];

describe("readCustomers", () => {
  test("reads accounts and their billing contacts in two calls", async () => {
    const { found, calls } = await read({ records: { Account: accounts, Contact: [contact(CONTACT)] } }, [
      ACCOUNT,
      OTHER_ACCOUNT,
    ]);
    expect(customerOf(found)).toMatchObject({ name: "Acme", billingContact: { contactId: CONTACT } });
    expect(customerOf(found, OTHER_ACCOUNT)).toMatchObject({ name: "Other", billingContact: null });
    expect(calls).toEqual([
      `read Account Id,SystemModstamp,Name,Billing_Email__c,Phone,BillingAddress,Plan__c: ${ACCOUNT},${OTHER_ACCOUNT}`,
      "query SELECT Id,AccountId,Is_Billing_Contact__c,Name,Email,Phone FROM Contact WHERE Is_Billing_Contact__c = true " +
        `AND AccountId IN ('${ACCOUNT}','${OTHER_ACCOUNT}') ORDER BY Id`,
    ]);
  });

  test("asks nothing about nothing", async () => {
    expect(await read({}, [])).toEqual({ found: new Map(), calls: [] });
  });

  test("leaves out what is not there, and asks for no contacts of it", async () => {
    const { found, calls } = await read({ records: { Account: [{ ...account(ACCOUNT), IsDeleted: true }] } });
    expect(found).toEqual(new Map());
    expect(calls).toHaveLength(1);
  });

  test.each([1, 2, 2_000])("takes the contact with the smallest id of several, on pages of %d", async (pageSize) => {
    const Contact = [
      contact(OTHER_CONTACT),
      contact(CONTACT),
      contact("003000000000001AAA", { Is_Billing_Contact__c: false }),
    ];
    const { found } = await read({ records: { Account: accounts, Contact }, pageSize });
    expect(customerOf(found)).toMatchObject({ billingContact: { contactId: CONTACT } });
  });

  test("gives an account that cannot be mapped as its error, and the others as they are", async () => {
    const Account = [account(ACCOUNT, { Name: null }), account(OTHER_ACCOUNT)];
    const { found } = await read({ records: { Account } }, [ACCOUNT, OTHER_ACCOUNT]);
    expect(customerOf(found)).toMatchObject({
      name: "InvalidInputError",
      message: expect.stringContaining("Name is empty"),
    });
    expect(customerOf(found, OTHER_ACCOUNT)).toMatchObject({ customerId: OTHER_ACCOUNT });
  });

  test("keeps every URL under what Salesforce takes, headers and all", async () => {
    const ids = Array.from({ length: 2_000 }, (_, n) => `0015f0000${String(n).padStart(6, "0")}AAA`);
    const { calls } = await read({ records: { Account: ids.map((id) => account(id)) } }, ids);
    expect(calls).toHaveLength(1 + 4);
    const urls = calls.slice(1).map((call) => encodeURIComponent(call).replaceAll("'", "%27").length);
    expect(Math.max(...urls)).toBeLessThan(16_384 - 2_000);
  });
});

describe("the mapping", () => {
  test("is the one that the connection names", async () => {
    const records = { Account: [account(ACCOUNT, { Billing_Email__c: null, PersonEmail: "ada@home.example" })] };
    const { found } = await read({ records, connection: { mapping: "personAccounts" } });
    expect(customerOf(found)).toMatchObject({ email: "ada@home.example" });
  });

  test.each(["nowhere", "toString"])("%j, which there is not, is refused with those there are", async (mapping) => {
    const { found, calls } = await read({ connection: { mapping } });
    expect(found).toMatchObject({
      code: "UNKNOWN_MAPPING",
      message: expect.stringContaining("default, personAccounts"),
    });
    expect(calls).toEqual([]);
  });

  test.each([
    "Salesforce answered INVALID_FIELD: No such column 'Plan__c' on sobject of type Account",
    "Salesforce answered INVALID_FIELD: \nPhone,Plan__c FROM Account\n ^\nERROR at Row:1:Column:9\nNo such column 'Plan__c' on entity 'Account'. If you are attempting to use a custom field, be sure to append the '__c'",
  ])("of a field that the org lacks names it and says what to do", async (text) => {
    const { found } = await read({ fails: new RejectedByTargetError("INVALID_FIELD", text) });
    expect(found).toMatchObject({ name: "RejectedByTargetError", code: "FIELD_NOT_VISIBLE" });
    expect((found as FleetError).message).toMatch(/field Plan__c of Account.*npx fleet doctor/);
  });

  test("does not explain other failures away", async () => {
    const fails = new TransientError("SERVER_UNAVAILABLE", "down");
    expect((await read({ fails })).found).toBe(fails);
  });

  test.each(Object.entries(mappings))("%s has no member twice, nor one that is ours", (_name, { account, related }) => {
    const members = ["customerId", "orgId", ...Object.keys(account), ...Object.keys(related)];
    expect(new Set(members).size).toBe(members.length);
  });
});

describe("an optional field", () => {
  const base = mappings.default as Mapping;
  const withMoney: Mapping = { account: { ...base.account, revenue: currency("AnnualRevenue") }, related: {} };
  const connection = { mapping: "withMoney" };
  const Account = [account(ACCOUNT, { AnnualRevenue: 5, CurrencyIsoCode: "EUR" })];
  const isoCode = { name: "CurrencyIsoCode", type: "picklist", updateable: true };

  test.each([
    ["is read where the org has it", [isoCode], /AnnualRevenue,CurrencyIsoCode:/],
    ["is left out where it has not", [], /AnnualRevenue:/],
  ])("%s, and the org is described once", async (_name, described, expected) => {
    const salesforce = fakeSalesforce({ records: { Account }, described: { Account: described }, connection });
    const known = mappings as Record<string, Mapping>;
    known.withMoney = withMoney;
    try {
      await readCustomers(salesforce, [ACCOUNT]);
      await readCustomers(salesforce, [ACCOUNT]);
    } finally {
      delete known.withMoney;
    }
    const [first, ...reads] = salesforce.calls;
    expect(first).toBe("describe Account");
    expect(reads).toHaveLength(2);
    for (const call of reads) expect(call).toMatch(expected);
  });
});
