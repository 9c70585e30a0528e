import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { expectInStep, expectWholeTrace, startTestFleet, type TestFleet } from "../support/fleet.ts";
import { eventually } from "../support/wait.ts";

let fleet: TestFleet;

beforeAll(async () => {
  fleet = await startTestFleet();
}, 60_000);

afterAll(() => fleet?.stop());

async function createAccount(fields: object): Promise<string> {
  const { id } = await fleet.salesforce<{ id: string }>("POST", "sobjects/Account", fields);
  return id;
}

test("a new account reaches the store, billing and Slack, on one trace without orphans", async () => {
  const id = await createAccount({
    Name: "Contoso",
    Phone: "+49 30 1234567",
    Billing_Email__c: "billing@contoso.example",
    Plan__c: "Enterprise",
    BillingStreet: "Unter den Linden 1",
    BillingCity: "Berlin",
  });
  await eventually(() => expectInStep(fleet));

  const item = (await fleet.stored()).find(({ customerId }) => customerId === id);
  expect(item?.customer).toMatchObject({
    email: "billing@contoso.example",
    plan: "Enterprise",
    address: { street: "Unter den Linden 1", city: "Berlin" },
  });
  const names = await eventually(() => expectWholeTrace(fleet, item?.correlationId));
  expect(names).toEqual(
    expect.arrayContaining([
      "salesforce/capture",
      "flows/dispatch",
      "connector-fleet-local-customer-sync",
      "connector-fleet-local-customers-upsert",
      "connector-fleet-local-billing-upsert-customer",
      "slack/notify",
    ]),
  );
});

test("an edit reaches every target, and clears what was cleared", async () => {
  const id = await createAccount({ Name: "Fabrikam", Phone: "+1 555 0100" });
  await eventually(() => expectInStep(fleet));
  await fleet.salesforce("PATCH", `sobjects/Account/${id}`, { Phone: null, Name: "Fabrikam Inc." });
  await eventually(async () => {
    await expectInStep(fleet);
    const item = (await fleet.stored()).find(({ customerId }) => customerId === id);
    expect(item?.customer).toMatchObject({ name: "Fabrikam Inc.", phone: null });
  });
});

test("a customer without e-mail is synced without one", async () => {
  const id = await createAccount({ Name: "No Mail Ltd." });
  await eventually(async () => {
    await expectInStep(fleet);
    expect(await fleet.stored()).toContainEqual(
      expect.objectContaining({ customerId: id, customer: expect.objectContaining({ email: null }) }),
    );
  });
});

test("a deleted account stays as a tombstone, and is archived in billing, not deleted", async () => {
  const id = await createAccount({ Name: "Litware" });
  await eventually(() => expectInStep(fleet));
  await fleet.salesforce("DELETE", `sobjects/Account/${id}`);
  await eventually(async () => {
    expect(await fleet.stored()).toContainEqual(expect.objectContaining({ customerId: id, deleted: true }));
    const archived = (await fleet.stripeCustomers()).filter(
      ({ metadata }) => metadata.salesforce_account_id === id && metadata.archived === "true",
    );
    expect(archived).toHaveLength(1);
  });
});

test("a billing contact's changes reach its customer, and those of the account it moves away from", async () => {
  const [first, second] = [await createAccount({ Name: "Northwind" }), await createAccount({ Name: "Wingtip" })];
  const contact = { LastName: "Example", Email: "ada@northwind.example", Is_Billing_Contact__c: true };
  const { id } = await fleet.salesforce<{ id: string }>("POST", "sobjects/Contact", { ...contact, AccountId: first });
  const contactsAre = (expected: readonly unknown[]) =>
    eventually(async () => {
      const stored = await fleet.stored();
      const of = (account: string) => stored.find(({ customerId }) => customerId === account)?.customer?.billingContact;
      expect([of(first), of(second)]).toEqual(expected);
    });
  await contactsAre([expect.objectContaining({ contactId: id, email: "ada@northwind.example" }), null]);
  await fleet.salesforce("PATCH", `sobjects/Contact/${id}`, { AccountId: second });
  await contactsAre([null, expect.objectContaining({ contactId: id })]);
  await fleet.salesforce("DELETE", `sobjects/Contact/${id}`);
  await contactsAre([null, null]);
});

test("nothing was parked", async () => {
  expect(await fleet.parked()).toEqual([]);
});
