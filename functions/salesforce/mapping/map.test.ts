import { describe, expect, test } from "@jest/globals";
import { customerSchema } from "#shared/contracts/customer.ts";
import { FleetError } from "#shared/errors.ts";
import { ACCOUNT, account, CONTACT, contact, ORG } from "../testing.ts";
import { checkbox, type RestRecord } from "./field-types.ts";
import { toCustomer } from "./map.ts";
import { chooseMapping, type Mapping } from "./mapping.ts";

const mapping = chooseMapping();
const mapAll = (snapshot: unknown, related: Record<string, RestRecord> = {}, by = mapping) =>
  toCustomer(by, { account: snapshot, related: new Map(Object.entries(related)) }, ORG);
const map = (fields: Record<string, unknown>) => mapAll(account(ACCOUNT, fields)).customer;

describe("toCustomer", () => {
  test("takes all fields over and fits the contract", () => {
    const { customer, systemModstamp } = mapAll(account(ACCOUNT));
    expect(customer).toEqual({
      customerId: ACCOUNT,
      orgId: ORG,
      name: "Acme",
      email: "pay@acme.example",
      phone: "+49 30 1",
      address: null,
      plan: "Team",
      billingContact: null,
    });
    expect(customerSchema.parse(customer)).toEqual(customer);
    expect(systemModstamp).toBe("2026-09-21T14:13:20.000Z");
  });

  test.each([null, undefined, "", "  "])("an empty field (%j) is null", (empty) => {
    const fields = { Billing_Email__c: empty, Phone: empty, Plan__c: empty, BillingAddress: empty ? undefined : null };
    expect(map(fields)).toMatchObject({ email: null, phone: null, plan: null, address: null });
  });

  test("reads the compound address, and codes rather than names", () => {
    const BillingAddress = {
      street: "Weg 1\r\nHof",
      city: "Bonn",
      state: null,
      postalCode: "53111",
      country: "Germany",
    };
    expect(map({ BillingAddress }).address).toEqual({ ...BillingAddress });
    const codes = { countryCode: "DE", stateCode: "NW" };
    expect(map({ BillingAddress: { ...BillingAddress, ...codes } }).address).toMatchObject({
      country: "DE",
      state: "NW",
    });
  });

  test("takes the related record in, its own id included", () => {
    const { customer } = mapAll(account(ACCOUNT), { billingContact: contact(CONTACT, { Phone: " " }) });
    expect(customer.billingContact).toEqual({
      contactId: CONTACT,
      name: "Ada Example",
      email: "ada@acme.example",
      phone: null,
    });
  });

  test("takes members in that the contract does not know", () => {
    const custom: Mapping = { ...mapping, account: { ...mapping.account, vip: checkbox("Vip__c") }, related: {} };
    const { customer } = mapAll(account(ACCOUNT, { Vip__c: true }), {}, custom);
    expect(customer.vip).toBe(true);
    expect(customer).not.toHaveProperty("billingContact");
  });

  test("a person account's own e-mail stands in for the billing one", () => {
    const persons = chooseMapping("personAccounts");
    const person = account(ACCOUNT, { Name: "Ada Example", PersonEmail: "ada@home.example" });
    expect(mapAll(person, {}, persons).customer).toMatchObject({ name: "Ada Example", email: "pay@acme.example" });
    const alone = { ...person, Billing_Email__c: null };
    expect(mapAll(alone, {}, persons).customer.email).toBe("ada@home.example");
    expect(mapAll(alone).customer.email).toBeNull();
  });

  test("an address of empty parts is no address", () => {
    expect(map({ BillingAddress: { street: null, city: "", geocodeAccuracy: null } }).address).toBeNull();
  });

  // https://help.salesforce.com/s/articleView?id=000384328&type=1
  test.each(["a..b@x.com", "a.@x.com"])("what is no e-mail address goes on beside the others: %s", (address) => {
    const Contact = contact(CONTACT, { Email: address });
    const { customer } = mapAll(account(ACCOUNT, { Billing_Email__c: address }), { billingContact: Contact });
    expect(customer).toMatchObject({ name: "Acme", email: null, unusableEmail: address });
    expect(customer).toMatchObject({ billingContact: { contactId: CONTACT, email: address } });
    expect(map({ Billing_Email__c: "a.b@x.com" })).not.toHaveProperty("unusableEmail");
  });

  test.each([
    ["Name", "", "InvalidInputError"],
    ["Billing_Email__c", 7, "ContractError"],
    ["Name", 7, "ContractError"],
    ["Phone", { a: 1 }, "ContractError"],
    ["Plan__c", ["Team"], "ContractError"],
    ["BillingAddress", "Weg 1", "ContractError"],
    ["SystemModstamp", undefined, "InvalidInputError"],
    ["SystemModstamp", "yesterday", "ContractError"],
    ["Id", 1, "ContractError"],
  ])("refuses %s = %j, naming the field and not the value", (field, value, name) => {
    const error = refusalOf(() => map({ [field]: value }));
    expect(error.name).toBe(name);
    expect(error.message).toContain(field);
    if (typeof value === "string" && value !== "") expect(error.message).not.toContain(value);
  });

  test.each([null, "Acme", []])("refuses %j as an account", (snapshot) => {
    expect(refusalOf(() => mapAll(snapshot)).name).toBe("ContractError");
  });

  test("refuses a related record by its own id", () => {
    const bad = contact(CONTACT, { Email: 7 });
    const error = refusalOf(() => mapAll(account(ACCOUNT), { billingContact: bad }));
    expect(error.message).toMatch(new RegExp(`^Contact ${CONTACT}: Email must be a text`));
  });

  function refusalOf(work: () => unknown): FleetError {
    try {
      work();
    } catch (error) {
      if (error instanceof FleetError) return error;
    }
    throw new Error("expected a refusal");
  }
});
