import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { Connection } from "jsforce/lib/core.js";
import type { SalesforceEmulator } from "./emulator.ts";
import { connect, control, startTestOrg } from "./testing.ts";

// Shapes and texts: https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/errorcodes.htm
let org: SalesforceEmulator;
let conn: Connection;

beforeAll(async () => {
  org = await startTestOrg();
  conn = await connect(org);
});
afterAll(() => org.stop());

const create = async (fields: Record<string, unknown>) => {
  const result = await conn.sobject("Account").create({ Name: "Acme", ...fields });
  return String(result.id);
};

/** Sends a request as it is and gives back status and body. */
async function raw(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(`${org.url}/services/data/v66.0${path}`, {
    method,
    headers: { authorization: `Bearer ${conn.accessToken}`, ...headers },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text && JSON.parse(text) };
}

describe("single records through jsforce", () => {
  test("creates, reads, updates and deletes an account", async () => {
    const id = await create({ Name: " Acme ", BillingStreet: "1 Main St", BillingCity: "Springfield", Phone: "" });
    expect(id).toMatch(/^001[A-Za-z0-9]{15}$/);
    const account = await conn.sobject("Account").retrieve(id);
    expect(account).toMatchObject({
      Name: "Acme",
      Phone: null,
      IsDeleted: false,
      CreatedById: org.integrationUserId,
      BillingAddress: { street: "1 Main St", city: "Springfield", postalCode: null },
      ShippingAddress: null,
    });
    expect(account.SystemModstamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000\+0000$/);
    expect(account.attributes).toEqual({ type: "Account", url: `/services/data/v66.0/sobjects/Account/${id}` });

    await conn.sobject("Account").update({ Id: id, Plan__c: "Team" });
    expect((await conn.sobject("Account").retrieve(id)).Plan__c).toBe("Team");
    await conn.sobject("Account").destroy(id);
    await expect(conn.sobject("Account").update({ Id: id, Plan__c: "Free" })).rejects.toMatchObject({
      name: "ENTITY_IS_DELETED",
      message: "entity is deleted",
    });
  });

  test("takes ids of 15 characters", async () => {
    const id = await create({});
    expect((await conn.sobject("Account").retrieve(id.slice(0, 15))).Id).toBe(id);
  });

  test("answers 204 without a body or a content type to an update", async () => {
    const id = await create({});
    const { status, headers, body } = await raw("PATCH", `/sobjects/Account/${id}`, { Name: "B" });
    expect([status, body, headers.get("content-type")]).toEqual([204, "", null]);
  });

  test("counts every API call in Sforce-Limit-Info", async () => {
    const usage = (headers: Headers) =>
      Number(/api-usage=(\d+)\/100000/.exec(headers.get("sforce-limit-info") ?? "")?.[1]);
    const first = usage((await raw("GET", "/limits")).headers);
    expect(usage((await raw("GET", "/sobjects/Nope")).headers)).toBe(first + 1);
  });

  test("a contact's Name is made of its parts, and goes with its account", async () => {
    const accountId = await create({});
    const contact = await conn.sobject("Contact").create({ FirstName: "Ada", LastName: "L", AccountId: accountId });
    expect((await conn.sobject("Contact").retrieve(String(contact.id))).Name).toBe("Ada L");
    await conn.sobject("Account").destroy(accountId);
    expect((await raw("GET", `/sobjects/Contact/${contact.id}`)).body[0].errorCode).toBe("ENTITY_IS_DELETED");
  });
});

describe("upsert by external id", () => {
  test("creates with 201, updates with 200, and with 204 before v46", async () => {
    const path = "/sobjects/Account/Stripe_Customer_Id__c/cus_1";
    const created = await raw("PATCH", path, { Name: "Up" });
    expect(created).toMatchObject({ status: 201, body: { success: true, created: true } });
    expect(await raw("PATCH", path, { Name: "Up2" })).toMatchObject({
      status: 200,
      body: { id: created.body.id, created: false },
    });
    const old = await fetch(`${org.url}/services/data/v45.0${path}`, {
      method: "PATCH",
      headers: { authorization: `Bearer ${conn.accessToken}` },
      body: "{}",
    });
    expect(old.status).toBe(204);
    expect((await raw("GET", path)).body.Name).toBe("Up2");
  });

  test("answers 300 with the urls when several records carry the id", async () => {
    const ids = [await create({ Legacy_Id__c: "L1" }), await create({ Legacy_Id__c: "L1" })];
    const { status, body } = await raw("PATCH", "/sobjects/Account/Legacy_Id__c/L1", { Name: "x" });
    expect([status, body]).toEqual([300, ids.map((id) => `/services/data/v66.0/sobjects/Account/${id}`)]);
    const upsert = conn.sobject("Account").upsert({ Legacy_Id__c: "L1", Name: "x" }, "Legacy_Id__c");
    await expect(upsert).rejects.toMatchObject({ name: "MULTIPLE_CHOICES" });
  });

  test("refuses a field that is no external id", async () => {
    expect(await raw("PATCH", "/sobjects/Account/Phone/1", {})).toMatchObject({
      status: 404,
      body: [
        { errorCode: "NOT_FOUND", message: "Provided external ID field does not exist or is not accessible: Phone" },
      ],
    });
  });
});

describe("errors in the words of Salesforce", () => {
  const cases: [string, Record<string, unknown>, string, string][] = [
    ["an unknown field", { Nme: "x" }, "INVALID_FIELD", "No such column 'Nme' on sobject of type Account"],
    ["a missing field", { Name: null }, "REQUIRED_FIELD_MISSING", "Required fields are missing: [Name]"],
    [
      "a system field",
      { MasterRecordId: "x" },
      "INVALID_FIELD_FOR_INSERT_UPDATE",
      "Unable to create/update fields: MasterRecordId. Please check the security settings of this field and verify that it is read/write for your profile or permission set.",
    ],
    [
      "a long text",
      { Fax: "1".repeat(41) },
      "STRING_TOO_LONG",
      `Account Fax: data value too large: ${"1".repeat(41)} (max length=40)`,
    ],
    ["a bad e-mail", { Billing_Email__c: "x@" }, "INVALID_EMAIL_ADDRESS", "Billing Email: invalid email address: x@"],
    [
      "a bad plan",
      { Plan__c: "Gold" },
      "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
      "Plan: bad value for restricted picklist field: Gold",
    ],
    ["a bad owner", { OwnerId: "005000000000000AAA" }, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id"],
  ];
  test.each(cases)("refuses %s", async (_what, fields, errorCode, message) => {
    const { status, body } = await raw("POST", "/sobjects/Account", { Name: "Acme", ...fields });
    expect([status, body[0].errorCode, body[0].message]).toEqual([400, errorCode, message]);
  });

  test.each(["a..b@example.com", "o'neil&sons/billing@sub.example.co"])(
    "takes the e-mail address %s",
    async (email) => {
      expect((await raw("POST", "/sobjects/Account", { Name: "Acme", Billing_Email__c: email })).status).toBe(201);
    },
  );

  test("refuses values of the wrong type and bodies that are no JSON", async () => {
    for (const fields of [
      { Name: 5 },
      { NumberOfEmployees: "5" },
      { Sync_Time__c: "yesterday" },
      { BillingLatitude: "1" },
    ])
      expect((await raw("POST", "/sobjects/Account", { Name: "A", ...fields })).body[0].errorCode).toBe(
        "JSON_PARSER_ERROR",
      );
    expect((await raw("POST", "/sobjects/Account", "{oops")).body[0].errorCode).toBe("JSON_PARSER_ERROR");
  });

  test("refuses a second record with a unique value, naming the first", async () => {
    const id = await create({ Stripe_Customer_Id__c: "cus_dup" });
    expect(await raw("POST", "/sobjects/Account", { Name: "B", Stripe_Customer_Id__c: "CUS_dup" })).toMatchObject({
      status: 400,
      body: [
        {
          errorCode: "DUPLICATE_VALUE",
          message: `duplicate value found: Stripe_Customer_Id__c duplicates value on record with id: ${id}`,
        },
      ],
    });
  });

  test("answers 404 to unknown objects, records, versions and paths", async () => {
    const missing = [{ errorCode: "NOT_FOUND", message: "The requested resource does not exist" }];
    expect(await raw("GET", "/sobjects/Nope/describe")).toMatchObject({ status: 404, body: missing });
    expect(await raw("GET", "/sobjects/Account/001000000000000AAA")).toMatchObject({ status: 404, body: missing });
    expect(await raw("GET", "/nothing/here")).toMatchObject({ status: 404, body: missing });
    for (const version of ["v66.5", "v12.0", "v99.0"]) {
      const response = await fetch(`${org.url}/services/data/${version}/limits`);
      expect([response.status, await response.json()]).toEqual([404, missing]);
    }
  });

  const faults: [string, number, string, string][] = [
    ["dailyLimit", 403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."],
    ["concurrentLimit", 403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded."],
    ["sessionExpired", 401, "INVALID_SESSION_ID", "Session expired or invalid"],
    ["serverUnavailable", 503, "SERVER_UNAVAILABLE", "Server Unavailable"],
    ["queryTimeout", 400, "QUERY_TIMEOUT", "Your query request was running for too long."],
  ];
  test.each(faults)("plays the fault %s once", async (error, status, errorCode, message) => {
    await control(org.url, "POST", "faults", { path: "/services/data/*/limits", error });
    expect(await raw("GET", "/limits")).toMatchObject({ status, body: [{ errorCode, message }] });
    expect((await raw("GET", "/limits")).status).toBe(200);
  });

  test("plays a row lock that names the record", async () => {
    const id = await create({});
    await control(org.url, "POST", "faults", { method: "PATCH", path: "/**", error: "rowLock" });
    await expect(conn.sobject("Account").update({ Id: id, Name: "B" })).rejects.toMatchObject({
      name: "UNABLE_TO_LOCK_ROW",
      message: `unable to obtain exclusive access to this record or 1 records: ${id}`,
    });
  });

  test("enforces the daily limit that a control sets", async () => {
    const { used } = (await control(org.url, "POST", "limits", {})) as { used: number };
    await control(org.url, "POST", "limits", { max: used + 1 });
    expect((await raw("GET", "/limits")).status).toBe(200);
    expect((await raw("GET", "/limits")).body[0].message).toBe("TotalRequests Limit exceeded.");
    await control(org.url, "POST", "limits", { max: 100_000 });
  });
});

test("describes its objects and fields", async () => {
  expect((await conn.describeGlobal()).sobjects.map((one) => one.name)).toEqual(
    expect.arrayContaining(["Account", "Contact", "User"]),
  );
  const { fields, childRelationships } = await conn.describe("Account");
  expect(childRelationships).toContainEqual(
    expect.objectContaining({ relationshipName: "Contacts", field: "AccountId" }),
  );
  expect(fields.find((one) => one.name === "Plan__c")).toMatchObject({
    type: "picklist",
    nillable: true,
    createable: true,
    updateable: true,
    filterable: true,
    picklistValues: expect.arrayContaining([expect.objectContaining({ value: "Free", active: true })]),
  });
  expect(fields.find((one) => one.name === "BillingStreet")).toMatchObject({ compoundFieldName: "BillingAddress" });
  expect(fields.find((one) => one.name === "Stripe_Customer_Id__c")).toMatchObject({ externalId: true, unique: true });
});

test("counts calls by route without ids", async () => {
  await control(org.url, "DELETE", "calls");
  const id = await create({});
  await conn.sobject("Account").retrieve(id);
  expect(await control(org.url, "GET", "calls")).toEqual({
    total: 2,
    routes: {
      "GET /services/data/:version/sobjects/Account/:id": { calls: 1, statuses: { 200: 1 } },
      "POST /services/data/:version/sobjects/Account": { calls: 1, statuses: { 201: 1 } },
    },
  });
});
