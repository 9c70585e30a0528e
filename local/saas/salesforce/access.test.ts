import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import type { Connection } from "jsforce/lib/core.js";
import type { SalesforceEmulator } from "./emulator.ts";
import { connect, control, startTestOrg } from "./testing.ts";

// https://developer.salesforce.com/docs/atlas.en-us.securityImplGuide.meta/securityImplGuide/fields_about_field_level_security.htm
let org: SalesforceEmulator;
let conn: Connection;
let id: string;
beforeAll(async () => {
  org = await startTestOrg();
  conn = await connect(org);
  id = String((await conn.sobject("Account").create({ Name: "Acme", Phone: "1", Fax: "2" })).id);
});
afterAll(() => org.stop());

const restrict = (field: string, access: string) =>
  control(org.url, "POST", "field-access", { user: org.integrationUserId, field, access });
afterEach(async () => {
  await restrict("Account.Phone", "full");
  await restrict("Account.Fax", "full");
});

test("a hidden field does not exist for the user, in any call", async () => {
  await restrict("Account.Phone", "hidden");
  const { fields } = await conn.describe("Account");
  expect(fields.map((one) => one.name)).not.toContain("Phone");
  expect(await conn.sobject("Account").retrieve(id)).not.toHaveProperty("Phone");
  const crud = { name: "INVALID_FIELD", message: "No such column 'Phone' on sobject of type Account" };
  await expect(conn.sobject("Account").update({ Id: id, Phone: "9" })).rejects.toMatchObject(crud);
  await expect(conn.sobject("Account").create({ Name: "x", Phone: "9" })).rejects.toMatchObject(crud);
  await expect(conn.sobject("Account").retrieve([id], { fields: ["Phone"] })).rejects.toMatchObject(crud);
  const [result] = await conn.sobject("Account").update([{ Id: id, Phone: "9" }]);
  expect(result).toMatchObject({ success: false, errors: [{ statusCode: "INVALID_FIELD" }] });
  for (const soql of [
    "SELECT Phone FROM Account",
    "SELECT Id FROM Account WHERE Phone = '1'",
    "SELECT Account.Phone FROM Contact",
  ])
    await expect(conn.query(soql)).rejects.toMatchObject({
      name: "INVALID_FIELD",
      message: expect.stringContaining("No such column 'Phone' on entity 'Account'"),
    });
});

test("a field that may only be read is read, and refused with its name when written", async () => {
  await restrict("Account.Fax", "readOnly");
  const { fields } = await conn.describe("Account");
  expect(fields.find((one) => one.name === "Fax")).toMatchObject({ createable: false, updateable: false });
  expect((await conn.sobject("Account").retrieve(id)).Fax).toBe("2");
  await expect(conn.sobject("Account").update({ Id: id, Fax: "9" })).rejects.toMatchObject({
    name: "INVALID_FIELD_FOR_INSERT_UPDATE",
    message: expect.stringMatching(/^Unable to create\/update fields: Fax\. Please check the security settings/),
  });
});

test("other users keep their access", async () => {
  await restrict("Account.Phone", "hidden");
  const human = await connect(org, "human");
  expect((await human.sobject("Account").retrieve(id)).Phone).toBe("1");
});

test.each([
  [{ user: "nobody", field: "Account.Phone", access: "hidden" }, "The org has no user nobody."],
  [
    { user: "ada.admin@connector-fleet.example", field: "Account.Nope", access: "hidden" },
    "The org has no field Account.Nope.",
  ],
  [{ user: "x", field: "Phone", access: "hidden" }, "must be Object.Field"],
])("the control refuses %j", async (input, message) => {
  await expect(control(org.url, "POST", "field-access", input)).rejects.toThrow(message);
});
