import { describe, expect, test } from "@jest/globals";
import { customerSchema } from "#shared/contracts/customer.ts";
import { FleetError } from "#shared/errors.ts";
import { ACCOUNT, account, ORG } from "../testing.ts";
import { toCustomer } from "./map.ts";

const map = (fields: Record<string, unknown>) => toCustomer(account(ACCOUNT, fields), ORG).customer;

describe("toCustomer", () => {
  test("takes all fields over and fits the contract", () => {
    const { customer, systemModstamp } = toCustomer(account(ACCOUNT), ORG);
    expect(customer).toEqual({
      customerId: ACCOUNT,
      orgId: ORG,
      name: "Acme",
      email: "pay@acme.example",
      phone: "+49 30 1",
      address: null,
      plan: "Team",
    });
    expect(customerSchema.parse(customer)).toEqual(customer);
    expect(systemModstamp).toBe("2026-09-21T14:13:20.000+0000");
  });

  test.each([null, undefined, "", "  "])("an empty field (%j) is null", (empty) => {
    const fields = { Billing_Email__c: empty, Phone: empty, Plan__c: empty, BillingAddress: empty ? undefined : null };
    expect(map(fields)).toMatchObject({ email: null, phone: null, plan: null, address: null });
  });

  test("reads the compound address, and the country's code rather than its name", () => {
    const BillingAddress = {
      street: "Weg 1\r\nHof",
      city: "Bonn",
      state: null,
      postalCode: "53111",
      country: "Germany",
    };
    expect(map({ BillingAddress }).address).toEqual({ ...BillingAddress });
    expect(map({ BillingAddress: { ...BillingAddress, countryCode: "DE" } }).address?.country).toBe("DE");
  });

  test("reads the address from its parts", () => {
    const parts = { BillingAddress: undefined, BillingStreet: "Weg 1", BillingCity: "Bonn", BillingCountry: "DE" };
    expect(map(parts).address).toEqual({ street: "Weg 1", city: "Bonn", state: null, postalCode: null, country: "DE" });
  });

  test("an address of empty parts is no address", () => {
    expect(map({ BillingAddress: { street: null, city: "", geocodeAccuracy: null } }).address).toBeNull();
  });

  test.each([
    ["Billing_Email__c", "not an address", "InvalidInputError"],
    ["Name", "", "InvalidInputError"],
    ["Name", 7, "ContractError"],
    ["Phone", { a: 1 }, "ContractError"],
    ["Plan__c", ["Team"], "ContractError"],
    ["BillingAddress", "Weg 1", "ContractError"],
    ["SystemModstamp", undefined, "ContractError"],
    ["SystemModstamp", "yesterday", "ContractError"],
    ["Id", 1, "ContractError"],
  ])("refuses %s = %j, naming the field and not the value", (field, value, name) => {
    const error = refusalOf(() => map({ [field]: value }));
    expect(error.name).toBe(name);
    expect(error.message).toContain(field);
    if (typeof value === "string" && value !== "") expect(error.message).not.toContain(value);
  });

  test.each([null, "Acme", []])("refuses %j as an account", (snapshot) => {
    expect(refusalOf(() => toCustomer(snapshot, ORG)).name).toBe("ContractError");
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
