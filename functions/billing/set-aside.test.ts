import { describe, expect, test } from "@jest/globals";
import { RejectedByTargetError, TransientError } from "#shared/errors.ts";
import { StripeAnswer } from "./errors.ts";
import type { BillingCustomer } from "./map.ts";
import { writeWhatIsTaken } from "./set-aside.ts";

const CUSTOMER: BillingCustomer = {
  name: "Acme",
  email: "pay@acme.example",
  phone: "+15555555656",
  address: { line1: "Weg 1", line2: "", city: "Bonn", state: "", postal_code: "53111", country: "DE" },
  metadata: { salesforce_account_id: "001", phone_full: "+1 555-555-5656 ext. 725", email_full: "" },
};

/** A Stripe that refuses fields by their parameter's name, as long as they hold something. */
function refusing(...params: readonly string[]) {
  const writes: BillingCustomer[] = [];
  const memberOf = ({ address, ...customer }: BillingCustomer, param: string) =>
    ({ ...customer, ...Object.fromEntries(Object.entries(address || {}).map(([k, v]) => [`address[${k}]`, v])) })[
      param
    ];
  const write = async (customer: BillingCustomer) => {
    writes.push(customer);
    const param = params.find((one) => memberOf(customer, one) !== "");
    if (param) throw new RejectedByTargetError("refused", "no", { cause: new StripeAnswer({ param }) });
  };
  return { writes, write };
}

describe("a value that Stripe refuses", () => {
  test("is set aside, and the rest is written", async () => {
    const { write, writes } = refusing("email", "phone", "address[line1]", "address[country]");
    const { written, refused } = await writeWhatIsTaken(CUSTOMER, write);
    expect(refused).toEqual(["email", "phone", "address.line1", "address.country"]);
    expect(written).toEqual({
      name: "Acme",
      email: "",
      phone: "",
      address: { line1: "", line2: "", city: "Bonn", state: "", postal_code: "53111", country: "" },
      metadata: {
        salesforce_account_id: "001",
        email_full: "pay@acme.example",
        phone_full: "+1 555-555-5656 ext. 725",
        country: "DE",
      },
    });
    expect(writes.at(-1)).toBe(written);
    expect(writes).toHaveLength(5);
  });

  test("of the name leaves the account's id in its place", async () => {
    let tries = 0;
    const { written } = await writeWhatIsTaken(CUSTOMER, async () => {
      tries += 1;
      if (tries === 1) throw new RejectedByTargetError("refused", "no", { cause: new StripeAnswer({ param: "name" }) });
    });
    expect(written).toMatchObject({ name: "001", metadata: { name_full: "Acme" } });
  });

  test.each([
    ["a failure", new TransientError("api_error", "down", { cause: new StripeAnswer({ param: "email" }) })],
    [
      "a missing customer",
      new RejectedByTargetError("resource_missing", "gone", { cause: new StripeAnswer({ param: "id" }) }),
    ],
    ["all metadata", new RejectedByTargetError("refused", "no", { cause: new StripeAnswer({ param: "metadata" }) })],
    ["a refusal without a parameter", new RejectedByTargetError("refused", "no")],
    [
      "a field that is refused empty too",
      new RejectedByTargetError("refused", "no", { cause: new StripeAnswer({ param: "email" }) }),
    ],
  ])("is not to blame for %s", async (_name, error) => {
    await expect(writeWhatIsTaken(CUSTOMER, () => Promise.reject(error))).rejects.toBe(error);
  });
});
