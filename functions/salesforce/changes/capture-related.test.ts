import { describe, expect, test } from "@jest/globals";
import { TransientError } from "#shared/errors.ts";
import { keys } from "../org/keys.ts";
import { ACCOUNT, account, COMMIT, CONTACT, changeOf, contact, ORG, OTHER_ACCOUNT, OTHER_CONTACT } from "../testing.ts";
import { captureChanges } from "./capture-changes.ts";
import { deliveries, idOf, messageOf, NOW, setUp, summary } from "./testing.ts";

const accounts = [account(ACCOUNT), account(OTHER_ACCOUNT)];
const ofContact = (members: Record<string, unknown> = {}, fields: Record<string, unknown> = {}) => {
  const change = changeOf({ entityName: "Contact", recordIds: [CONTACT], changedFields: ["Email"], ...members });
  return { ...change, changedValues: new Map(Object.entries(fields)) };
};

describe("a change of a contact", () => {
  test("is a change of its account, with the account's modstamp and the contact's commit", async () => {
    const { deps, published, calls } = setUp({ records: { Account: accounts, Contact: [contact(CONTACT)] } });
    expect(await captureChanges(deliveries(ofContact()), deps)).toEqual([]);
    expect(published.map(idOf)).toEqual([ACCOUNT]);
    expect(published[0]?.detail.data).toMatchObject({
      customer: { billingContact: { contactId: CONTACT, email: "ada@acme.example" } },
      version: `2026-09-21T14:13:20.000Z/00${COMMIT}/00${NOW}`,
    });
    expect(calls()).toEqual([
      `read Contact Id,AccountId: ${CONTACT}`,
      expect.stringMatching(/^read Account /),
      expect.stringMatching(/^query /),
    ]);
  });

  test("together with its account's is one event, of the newer of both", async () => {
    const { deps, published } = setUp({ records: { Account: accounts, Contact: [contact(CONTACT)] } });
    const newer = ofContact({ commitTimestamp: COMMIT + 1_000, transactionKey: "b" });
    await captureChanges(deliveries(newer, changeOf()), deps);
    expect(published.map(idOf)).toEqual([ACCOUNT]);
    expect(published[0]?.detail.data).toMatchObject({ version: expect.stringContaining(`/00${COMMIT + 1_000}/`) });
  });

  test("without account is done", async () => {
    const { deps, published, seen } = setUp({ records: { Contact: [contact(CONTACT, { AccountId: null })] } });
    expect(await captureChanges(deliveries(ofContact()), deps)).toEqual([]);
    expect([published.length, seen().length]).toEqual([0, 1]);
  });

  test("that moved is one of both accounts, though the event names the new one alone", async () => {
    const Contact = [contact(CONTACT, { AccountId: OTHER_ACCOUNT })];
    const { deps, published, values } = setUp({ records: { Account: accounts, Contact } });
    values.set(keys.related(ORG, CONTACT), { accountIds: [ACCOUNT] });
    await captureChanges(deliveries(ofContact({}, { AccountId: OTHER_ACCOUNT })), deps);
    const contacts = published.map((event) => [
      idOf(event),
      (event.detail.data as { customer: { billingContact: unknown } }).customer.billingContact,
    ]);
    expect(Object.fromEntries(contacts)).toEqual({
      [OTHER_ACCOUNT]: expect.objectContaining({ contactId: CONTACT }),
      [ACCOUNT]: null,
    });
    expect(values.get(keys.related(ORG, CONTACT))).toEqual({ accountIds: [OTHER_ACCOUNT] });
  });

  test("that moved on meanwhile is one of every account on its way", async () => {
    const { deps, published } = setUp({ records: { Account: accounts, Contact: [contact(CONTACT)] } });
    await captureChanges(deliveries(ofContact({}, { AccountId: OTHER_ACCOUNT })), deps);
    expect(published.map(idOf).sort()).toEqual([ACCOUNT, OTHER_ACCOUNT].sort());
  });

  test.each(["DELETE", "GAP_DELETE"])(
    "by %s is one of the account it lies with in the recycle bin",
    async (changeType) => {
      const Contact = [contact(CONTACT, { IsDeleted: true }), contact(OTHER_CONTACT)];
      const { deps, published, calls } = setUp({ records: { Account: accounts, Contact } });
      await captureChanges(deliveries(ofContact({ changeType, changedFields: [] })), deps);
      expect(published.map(({ contract }) => contract.type)).toEqual(["customer.changed"]);
      expect(published[0]?.detail.data).toMatchObject({ customer: { billingContact: { contactId: OTHER_CONTACT } } });
      expect(calls()[1]).toBe(`queryAll SELECT Id,AccountId FROM Contact WHERE Id IN ('${CONTACT}')`);
    },
  );

  test("that is gone for good is one of the account it was last part of", async () => {
    const { deps, published, values } = setUp({ records: { Account: accounts } });
    values.set(keys.related(ORG, CONTACT), { accountIds: [ACCOUNT] });
    await captureChanges(deliveries(ofContact({ changeType: "DELETE" })), deps);
    expect(published.map(idOf)).toEqual([ACCOUNT]);
  });

  test("of a lead's conversion feeds the customer, the lead itself does not", async () => {
    const { deps, published } = setUp({ records: { Account: accounts, Contact: [contact(CONTACT)] } });
    const conversion = [
      changeOf({ changeType: "CREATE", sequenceNumber: 1 }),
      ofContact({ changeType: "CREATE", sequenceNumber: 2 }),
      changeOf({ entityName: "Opportunity", recordIds: ["006000000000001AAA"], sequenceNumber: 3 }),
      changeOf({ entityName: "Lead", recordIds: ["00Q000000000001EAA"], sequenceNumber: 4 }),
    ];
    expect(await captureChanges(deliveries(...conversion), deps)).toEqual([]);
    expect(published.map(idOf)).toEqual([ACCOUNT]);
  });
});

describe("when contacts cannot be worked", () => {
  test("only their messages wait for the read that failed", async () => {
    const { deps, published } = setUp({ records: { Account: accounts } });
    const salesforce = deps.orgs.salesforce(ORG);
    const failing: typeof salesforce = {
      ...salesforce,
      readRecords: (entity, ...rest) =>
        entity === "Contact"
          ? Promise.reject(new TransientError("SERVER_UNAVAILABLE", "down"))
          : salesforce.readRecords(entity, ...rest),
    };
    const orgs = { ids: [ORG], salesforce: () => failing };
    const failures = await captureChanges(deliveries(ofContact(), changeOf()), { ...deps, orgs });
    expect(summary(failures)).toEqual([["m1", "TransientError", "SERVER_UNAVAILABLE"]]);
    expect(published.map(idOf)).toEqual([ACCOUNT]);
  });

  test("only the event with a damaged account id is refused", async () => {
    const Contact = [contact(CONTACT), contact(OTHER_CONTACT)];
    const { deps } = setUp({ records: { Account: accounts, Contact } });
    const damaged = ofContact({}, { AccountId: "0015f00002J9YaUAAA" });
    const failures = await captureChanges(deliveries(damaged, ofContact({ recordIds: [OTHER_CONTACT] })), deps);
    expect(summary(failures)).toEqual([["m1", "ContractError", "BAD_ID"]]);
  });

  test("a message fails when one of its accounts does, and is tried again when that can help", async () => {
    const refuse = { [OTHER_ACCOUNT]: new TransientError("ThrottlingException", "slow down") };
    const Account = [account(ACCOUNT, { Name: "" }), account(OTHER_ACCOUNT)];
    const { deps } = setUp({ records: { Account, Contact: [contact(CONTACT)] }, refuse });
    const failures = await captureChanges(deliveries(ofContact({}, { AccountId: OTHER_ACCOUNT })), deps);
    expect(summary(failures)).toEqual([["m1", "TransientError", "ThrottlingException"]]);
    expect(messageOf(failures)).toBe("slow down");
  });
});

test("a thousand changes cost ten calls", async () => {
  const ids = Array.from({ length: 500 }, (_, n) => `0015f0000${String(n).padStart(6, "0")}AAA`);
  const contactIds = Array.from({ length: 500 }, (_, n) => `0035f0000${String(n).padStart(6, "0")}AAA`);
  const Contact = contactIds.map((id, n) => contact(id, { AccountId: ids[n] }));
  const { deps, published, calls } = setUp({ records: { Account: ids.map((id) => account(id)), Contact } });
  const change = (members: Record<string, unknown>, n: number) => changeOf({ ...members, transactionKey: `${n}` });
  const all = ids.map((id, n) => change({ recordIds: [id] }, n));
  const related = contactIds.map((id, n) => ({
    ...change({ recordIds: [id], entityName: "Contact" }, n + 500),
    changedValues: new Map(),
  }));
  expect(await captureChanges(deliveries(...all), deps)).toEqual([]);
  expect(await captureChanges(deliveries(...related), deps)).toEqual([]);
  expect(published).toHaveLength(1_000);
  expect(calls().length).toBeLessThanOrEqual(10);
});
