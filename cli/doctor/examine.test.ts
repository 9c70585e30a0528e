import { describe, expect, test } from "@jest/globals";
import { problem } from "../../functions/salesforce/client/testing.ts";
import { ORG, USER } from "../../functions/salesforce/testing.ts";
import { examineOrg, isWell } from "./examine.ts";
import { type Oddities, secretOf, startHealthyOrg } from "./testing.ts";

const SECRET = `connector-fleet/test/salesforce/${ORG}`;
const COMMAND = `npx fleet connect salesforce --org ${ORG} --stage test`;
const OTHER = "00D000000000001EAA";

/** What is found in an organisation with these oddities. */
async function examine(oddities: Oddities = {}, secret: Record<string, unknown> = {}) {
  await using org = await startHealthyOrg(oddities);
  const { checks } = await examineOrg(ORG, SECRET, async () => secretOf(org.url, secret), COMMAND);
  return { checks, bad: checks.filter(({ ok }) => !ok), names: checks.map(({ name }) => name), org };
}

describe("an organisation that is well", () => {
  test("has one line for each thing that was looked at", async () => {
    const { checks, names, org } = await examine();
    expect(names).toEqual(["secret", "login", "API version", "user", "Account", "Contact", "Account", "API calls"]);
    expect(isWell(checks)).toBe(true);
    const details = checks.map(({ detail }) => detail);
    expect(details[0]).toBe(`${SECRET} connects to ${org.url}`);
    expect(details.slice(1, 4)).toEqual([
      `with client credentials at ${org.url}`,
      "67.0 of 9.0 to 67.0",
      `robot@acme.example (${USER})`,
    ]);
    expect(details[4]).toMatch(/^\d+ fields can be read: Id, .*Billing_Email__c/);
    expect(details[6]).toMatch(/^3 fields can be written: Stripe_Customer_Id__c/);
    expect(details[7]).toBe("18 of 1,000 used today; background work stops at 800");
  });

  test("may lack what only another mapping reads", async () => {
    const oddities = { fields: { "Account.PersonEmail": null } };
    expect((await examine(oddities)).bad).toEqual([]);
    const { bad } = await examine(oddities, { mapping: "personAccounts" });
    expect(bad.map(({ name }) => name)).toEqual(["Account.PersonEmail"]);
  });
});

describe("what stands in the way of all else ends the examination", () => {
  test.each([
    ["no JSON", "is not JSON", "--rotate"],
    [JSON.stringify({ loginUrl: "acme" }), "does not have the expected members: loginUrl: invalid_format", "--rotate"],
    [secretOf("https://acme.example", { orgId: OTHER }), `connects to organisation ${OTHER}`, "--rotate"],
    [undefined, "has no value", ""],
  ])("a secret of %j", async (text, sentence, how) => {
    const { checks } = await examineOrg(ORG, SECRET, async () => text, COMMAND);
    expect(checks).toEqual([
      { name: "secret", ok: false, detail: expect.stringContaining(sentence), advice: `${COMMAND} ${how}`.trim() },
    ]);
  });

  test("a secret without its credentials says which", async () => {
    const { bad } = await examine({}, { clientSecret: undefined });
    expect(bad[0]?.detail).toContain("members: clientSecret: invalid_type");
  });

  test("refused credentials", async () => {
    const body = { error: "invalid_client", error_description: "invalid client credentials" };
    const { names, bad } = await examine({ token: () => ({ status: 400, body }) });
    expect(names).toEqual(["secret", "login"]);
    expect(bad[0]?.detail).toContain("invalid_client");
    expect(bad[0]?.advice).toContain("credentials");
  });

  test("an API version that is not served", async () => {
    const { names, bad } = await examine({ versions: ["65.0", "66.0"] });
    expect(names).toEqual(["secret", "login", "API version"]);
    expect(bad[0]?.detail).toBe("67.0 is not served, 65.0 to 66.0 are");
  });

  test("a login into another organisation", async () => {
    const { names, bad } = await examine({ identity: `${OTHER}/${USER}` });
    expect(names.at(-1)).toBe("user");
    expect(bad[0]?.detail).toBe(`robot@acme.example (${USER}) is of organisation ${OTHER}`);
  });
});

describe("what is wrong is named, with what to do", () => {
  test.each<[string, Oddities, string, string, RegExp]>([
    ["hidden", { fields: { "Account.Plan__c": null } }, "Account.Plan__c", "hidden", /permission set, or take it out/],
    ["of another type", { fields: { "Account.Plan__c": { type: "double" } } }, "Account.Plan__c", "double", /mapping/],
    [
      "in another case",
      { fields: { "Account.Phone": { name: "phone" } } },
      "Account.Phone",
      "called phone",
      /write it so/,
    ],
    [
      "not writable",
      { fields: { "Account.Sync_State__c": { updateable: false } } },
      "Account.Sync_State__c",
      "read-only",
      /edit/,
    ],
    [
      "not there to write",
      { fields: { "Account.Sync_Time__c": null } },
      "Account.Sync_Time__c",
      "not there",
      /permission set$/,
    ],
    [
      "another object's",
      { fields: { "Contact.Is_Billing_Contact__c": null } },
      "Contact.Is_Billing_Contact__c",
      "hidden",
      /create/,
    ],
  ])("a field that is %s", async (_what, oddities, name, detail, advice) => {
    const { bad } = await examine(oddities);
    expect(bad).toEqual([
      { name, ok: false, detail: expect.stringContaining(detail), advice: expect.stringMatching(advice) },
    ]);
  });

  test("several fields at once", async () => {
    const { bad } = await examine({
      fields: { "Account.Phone": null, "Account.Plan__c": null, "Contact.Email": null },
    });
    expect(bad.map(({ name }) => name)).toEqual(["Account.Phone", "Account.Plan__c", "Contact.Email"]);
  });

  test("a mapping nobody wrote", async () => {
    const { bad } = await examine({}, { mapping: "dreams" });
    expect(bad.map(({ name, detail }) => [name, detail])).toEqual([["mapping", expect.stringContaining("'dreams'")]]);
  });

  test("an object that the user may not see; all else is still examined", async () => {
    const api = (path: string) => (path.includes("/Contact/") ? problem(404, "NOT_FOUND") : undefined);
    const { names, bad } = await examine({ api });
    expect(names.at(-1)).toBe("API calls");
    expect(bad.map(({ name, detail }) => [name, detail])).toEqual([["mapping", expect.stringContaining("NOT_FOUND")]]);
  });

  test("API calls that eat into the reserve", async () => {
    const { bad } = await examine({ used: 801 });
    expect(bad.map(({ name, detail }) => [name, detail])).toEqual([
      ["API calls", "801 of 1,000 used today; background work stops at 800"],
    ]);
    expect((await examine({ used: 801 }, { apiReserve: 0.1 })).bad).toEqual([]);
  });
});
