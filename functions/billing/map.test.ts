import { describe, expect, test } from "@jest/globals";
import type { Address, Customer } from "#shared/contracts/customer.ts";
import type { CustomerRecord } from "#shared/customer-record.ts";
import { cause, newCustomer, version } from "#shared/testing/customers-table.ts";
import { FIELD_LIMITS, METADATA_LIMITS } from "./limits.ts";
import { toBillingCustomer } from "./map.ts";

const address: Address = { street: "Weg 1\r\nHof\n", city: "Bonn", state: null, postalCode: "53111", country: "DE" };

function recordOf(customer: Partial<Customer> = {}, members: Partial<CustomerRecord> = {}): CustomerRecord {
  const whole = { ...newCustomer(), customerId: "0015f00002J9YaUAAV", ...customer };
  const { customerId, orgId } = whole;
  return { customerId, orgId, version: version(1), customer: whole, deleted: false, links: {}, ...cause(), ...members };
}

const identity = { salesforce_account_id: "0015f00002J9YaUAAV", salesforce_org_id: "00D000000000001EAA" };

const metadata = {
  ...identity,
  plan: "gold",
  country: "",
  name_full: "",
  email_full: "",
  phone_full: "",
  archived: "",
  archived_at: "",
};

describe("toBillingCustomer", () => {
  test("takes over everything billing needs", () => {
    expect(toBillingCustomer(recordOf({ phone: "+49 1", address }))).toEqual({
      customer: {
        name: "Acme",
        email: "pay@acme.example",
        phone: "+49 1",
        address: { line1: "Weg 1", line2: "Hof", city: "Bonn", state: "", postal_code: "53111", country: "DE" },
        metadata,
      },
      adjusted: [],
    });
  });

  // https://docs.stripe.com/api/metadata: an empty text unsets
  test("clears what the customer does not have", () => {
    const { customer } = toBillingCustomer(recordOf({ email: null, phone: null, address: null, plan: null }));
    expect(customer).toMatchObject({ email: "", phone: "", address: "", metadata: { plan: "" } });
  });

  test.each([
    ["de", "DE", ""],
    ["Germany", "DE", ""],
    ["U.S.A.", "US", ""],
    ["DD", "", "DD"],
    ["EU", "", "EU"],
    ["Middle-earth", "", "Middle-earth"],
    [null, "", ""],
  ])("the country %s is %j, and %j in the metadata", (country, code, kept) => {
    const billing = toBillingCustomer(recordOf({ address: { ...address, country } }));
    expect(billing.customer).toMatchObject({ address: { country: code }, metadata: { country: kept } });
    expect(billing.adjusted).toEqual(kept ? ["address.country"] : []);
  });

  test("a deleted customer is marked as archived and keeps its data", () => {
    const deletedAt = "2026-01-01T00:00:00.000Z";
    expect(toBillingCustomer(recordOf({}, { deleted: true, deletedAt }))).toEqual({
      customer: { metadata: { ...identity, archived: "true", archived_at: deletedAt } },
      adjusted: [],
    });
  });

  test("the same customer always gives the same, another change of it something else", () => {
    expect(toBillingCustomer(recordOf({ address }))).toEqual(toBillingCustomer(recordOf({ address })));
    expect(toBillingCustomer(recordOf({ plan: "silver" }))).not.toEqual(toBillingCustomer(recordOf()));
  });
});

describe("a value that does not fit", () => {
  const long = (length: number) => "x".repeat(length);

  test("a phone gets a form that fits, and is kept whole", () => {
    const phone = "+1 555-555-5656 ext. 725";
    const { customer, adjusted } = toBillingCustomer(recordOf({ phone }));
    expect(customer).toMatchObject({ name: "Acme", phone: "+15555555656", metadata: { phone_full: phone } });
    expect(adjusted).toEqual(["phone"]);
  });

  test("a phone is dialled in the country of the address", () => {
    const { customer } = toBillingCustomer(recordOf({ phone: "030 1234567 (ask for the office)", address }));
    expect(customer.phone).toBe("+49301234567");
  });

  test("a long name is shortened, and kept as far as metadata holds it", () => {
    const { customer, adjusted } = toBillingCustomer(recordOf({ name: long(600) }));
    expect(customer.name).toBe(`${long(255)}…`);
    expect(customer.metadata.name_full).toBe(`${long(499)}…`);
    expect(adjusted).toEqual(["name"]);
  });

  test("is never cut within a character", () => {
    const { customer } = toBillingCustomer(recordOf({ name: `${long(254)}😀😀` }));
    expect(customer.name).toBe(`${long(254)}…`);
    expect(customer.metadata.name_full).toBe(`${long(254)}😀😀`);
  });

  test.each(["a@b.c", "1@2.3", `${long(65)}@acme.example`, `pay@${long(600)}.example`])(
    "an e-mail that reaches nobody is no e-mail, but kept: %s",
    (email) => {
      const { customer, adjusted } = toBillingCustomer(recordOf({ email }));
      expect(customer.email).toBe("");
      expect(customer.metadata.email_full).toMatch(email.slice(0, 400));
      expect(adjusted).toEqual(["email"]);
    },
  );

  test("what is no e-mail address in Salesforce is kept", () => {
    const { customer, adjusted } = toBillingCustomer(recordOf({ email: null, unusableEmail: "a..b@x.com" }));
    expect(customer).toMatchObject({ name: "Acme", email: "", metadata: { email_full: "a..b@x.com" } });
    expect(adjusted).toEqual(["email"]);
  });

  test("parts of the address and the plan are shortened", () => {
    const street = `${long(5_001)}\n${long(5_001)}`;
    const parts = { street, city: long(5_001), state: long(5_001), postalCode: long(5_001), country: long(5_001) };
    const { customer, adjusted } = toBillingCustomer(recordOf({ address: parts, plan: long(501) }));
    const short = `${long(4_999)}…`;
    expect(customer.address).toEqual({
      line1: short,
      line2: short,
      city: short,
      state: short,
      postal_code: short,
      country: "",
    });
    expect(customer.metadata).toMatchObject({ plan: `${long(499)}…`, country: `${long(499)}…` });
    expect(adjusted).toHaveLength(7);
  });

  test.each([
    ["line breaks and control characters", "\u0000Ac\tme\r\nGmbH\u0085", "Ac me GmbH"],
    ["half of a surrogate pair", "Acme \uD83D", "Acme \uFFFD"],
    ["an emoji", "Acme 😀", "Acme 😀"],
  ])("%s are sent in a form that can be sent", (_name, name, sent) => {
    expect(toBillingCustomer(recordOf({ name })).customer.name).toBe(sent);
  });

  test.each([" ", "\n", "\u0000\u0007"])("a name of nothing but blanks is the account's id: %j", (name) => {
    const { customer, adjusted } = toBillingCustomer(recordOf({ name }));
    expect(customer.name).toBe("0015f00002J9YaUAAV");
    expect(adjusted).toEqual(["name"]);
  });
});

test("every limit names its source, and every metadata name fits", () => {
  for (const { source } of Object.values(FIELD_LIMITS)) expect(source).toMatch(/^https:\/\//);
  const names = Object.keys(toBillingCustomer(recordOf({ address })).customer.metadata);
  for (const name of names) expect(name).toMatch(/^[a-z_]{1,40}$/);
  // Half of what Stripe allows, so that others have room.
  expect(names.length).toBeLessThanOrEqual(METADATA_LIMITS.pairs / 2);
});
