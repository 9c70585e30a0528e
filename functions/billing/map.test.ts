import { describe, expect, test } from "@jest/globals";
import type { Address, Customer } from "#shared/contracts/customer.ts";
import type { CustomerRecord } from "#shared/customer-record.ts";
import { cause, newCustomer, version } from "#shared/testing/customers-table.ts";
import { toBillingCustomer } from "./map.ts";

const address: Address = { street: "Weg 1\r\nHof\n", city: "Bonn", state: null, postalCode: "53111", country: "DE" };

function recordOf(customer: Partial<Customer> = {}, members: Partial<CustomerRecord> = {}): CustomerRecord {
  const whole = { ...newCustomer(), customerId: "0015f00002J9YaUAAV", ...customer };
  const { customerId, orgId } = whole;
  return { customerId, orgId, version: version(1), customer: whole, deleted: false, links: {}, ...cause(), ...members };
}

const identity = { salesforce_account_id: "0015f00002J9YaUAAV", salesforce_org_id: "00D000000000001EAA" };

describe("toBillingCustomer", () => {
  test("takes over everything billing needs", () => {
    expect(toBillingCustomer(recordOf({ phone: "+49 1", address }))).toEqual({
      name: "Acme",
      email: "pay@acme.example",
      phone: "+49 1",
      address: { line1: "Weg 1", line2: "Hof", city: "Bonn", state: "", postal_code: "53111", country: "DE" },
      metadata: { ...identity, plan: "gold", country: "", archived: "", archived_at: "" },
    });
  });

  // https://docs.stripe.com/api/metadata: an empty text unsets
  test("clears what the customer does not have", () => {
    const empty = toBillingCustomer(recordOf({ email: null, phone: null, address: null, plan: null }));
    expect(empty).toMatchObject({ email: "", phone: "", address: "", metadata: { plan: "" } });
  });

  test.each([
    ["de", "DE", ""],
    ["Germany", "DE", ""],
    ["united states", "US", ""],
    ["USA", "US", ""],
    ["UK", "GB", ""],
    ["United Kingdom", "GB", ""],
    ["DD", "", "DD"],
    ["Middle-earth", "", "Middle-earth"],
    [null, "", ""],
  ])("the country %s is %j, and %j in the metadata", (country, code, kept) => {
    const billing = toBillingCustomer(recordOf({ address: { ...address, country } }));
    expect(billing).toMatchObject({ address: { country: code }, metadata: { country: kept } });
  });

  test("a deleted customer is marked as archived and keeps its data", () => {
    const deletedAt = "2026-01-01T00:00:00.000Z";
    expect(toBillingCustomer(recordOf({}, { deleted: true, deletedAt }))).toEqual({
      metadata: { ...identity, archived: "true", archived_at: deletedAt },
    });
  });

  test("the same customer always gives the same, another change of it something else", () => {
    expect(toBillingCustomer(recordOf({ address }))).toEqual(toBillingCustomer(recordOf({ address })));
    expect(toBillingCustomer(recordOf({ plan: "silver" }))).not.toEqual(toBillingCustomer(recordOf()));
  });
});
