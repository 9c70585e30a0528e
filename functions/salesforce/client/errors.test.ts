import { describe, expect, test } from "@jest/globals";
import { FleetError } from "#shared/errors.ts";
import type { Answer } from "#shared/testing/server.ts";
import { ACCOUNT } from "../testing.ts";
import { toRecordError } from "./errors.ts";
import { type Api, clientOf, problem, startOrg } from "./testing.ts";

/** What our client throws when it reads an account, and how many requests that took. */
async function failureOf(api: Api, token?: () => Answer) {
  await using server = await startOrg(api, token);
  const error = await clientOf(server)
    .readRecords("Account", [ACCOUNT], ["Id", "Name"])
    .then(() => undefined)
    .catch((failure) => failure);
  if (!(error instanceof FleetError)) throw new Error(`expected one of our errors, got ${error}`);
  return { error, requests: server.requests };
}

// Bodies as in salesforce's documentation and public fixtures; one request each, so nothing was retried here.
describe("failures", () => {
  test.each([
    [problem(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."), "RateLimitedError", 3_600],
    [problem(403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded."), "RateLimitedError", 5],
    [problem(400, "UNABLE_TO_LOCK_ROW"), "TransientError", undefined],
    [problem(503, "SERVER_UNAVAILABLE"), "TransientError", undefined],
    [problem(400, "QUERY_TIMEOUT"), "TransientError", undefined],
    [problem(500, "UNKNOWN_EXCEPTION"), "TransientError", undefined],
    [
      problem(400, "INVALID_FIELD", "No such column 'Plan__c' on sobject of type Account"),
      "RejectedByTargetError",
      undefined,
    ],
    [problem(400, "INVALID_TYPE"), "RejectedByTargetError", undefined],
    [problem(404, "NOT_FOUND"), "RejectedByTargetError", undefined],
    [problem(403, "API_DISABLED_FOR_ORG"), "NotAuthorizedError", undefined],
    [problem(403, "INSUFFICIENT_ACCESS"), "NotAuthorizedError", undefined],
    [problem(400, "A_CODE_OF_TOMORROW"), "TransientError", undefined],
    [problem(404, "ENTITY_IS_DELETED"), "RejectedByTargetError", undefined],
    [problem(503, "INVALID_FIELD"), "TransientError", undefined],
    [problem(408, "MALFORMED_QUERY"), "TransientError", undefined],
    [problem(425, "NOT_FOUND"), "TransientError", undefined],
    [problem(429, "API_DISABLED_FOR_ORG"), "RateLimitedError", 5],
    [problem(200, "UNABLE_TO_LOCK_ROW"), "TransientError", undefined],
    [
      { status: 403, headers: { "content-type": "text/html" }, body: "<html>gateway</html>" },
      "TransientError",
      undefined,
    ],
    [{ status: 414, body: "" }, "RejectedByTargetError", undefined],
    [{ status: 204 }, "TransientError", undefined],
    [
      { status: 200, headers: { "content-type": "application/json" }, body: '[{"Id": "001' },
      "TransientError",
      undefined,
    ],
    [{ status: 503, headers: { "content-type": "text/html" }, body: "<html>down</html>" }, "TransientError", undefined],
    [{ status: 502, body: "bad gateway" }, "TransientError", undefined],
    ["reset" as const, "TransientError", undefined],
    [{ status: 200, body: { hello: 1 } }, "ContractError", undefined],
    [{ status: 200, body: "<html>maintenance</html>" }, "TransientError", undefined],
    [{ status: 200, body: [{ Name: "no id" }] }, "ContractError", undefined],
    [
      {
        status: 400,
        body: [
          { message: "a", errorCode: "INVALID_FIELD" },
          { message: "b", errorCode: "X_Y" },
        ],
      },
      "RejectedByTargetError",
      undefined,
    ],
  ])("%j is %s", async (answer, name, retryAfterSeconds) => {
    const { error, requests } = await failureOf(() => answer as Answer);
    expect(error.name).toBe(name);
    expect((error as { retryAfterSeconds?: number }).retryAfterSeconds).toBe(retryAfterSeconds);
    expect(requests).toHaveLength(2);
  });

  test("a query that does not answer in full is ContractError", async () => {
    await using server = await startOrg(() => ({ body: { totalSize: 1, done: false, records: [] } }));
    await expect(clientOf(server).findDeleted("Account", [ACCOUNT])).rejects.toMatchObject({
      name: "ContractError",
    });
  });

  const html = { headers: { "content-type": "text/html" }, body: "<html>maintenance</html>" };
  const oauth = (status: number, error: string) => ({ status, body: { error, error_description: "words" } });
  test.each([
    [{ status: 503, body: "down" }, "TransientError"],
    [oauth(400, "unknown_error"), "TransientError"],
    [oauth(503, "unknown_error"), "TransientError"],
    [oauth(503, "invalid_grant"), "TransientError"],
    [oauth(200, "unknown_error"), "TransientError"],
    [oauth(400, "error_of_tomorrow"), "TransientError"],
    [{ status: 400, body: "<html>edge</html>" }, "TransientError"],
    [{ status: 200, ...html }, "TransientError"],
    [{ status: 200, body: '{"access_token": "00D' }, "TransientError"],
    [{ status: 302, headers: { location: "https://acme.my.salesforce.com/" }, body: "" }, "TransientError"],
    [{ status: 429, body: "" }, "RateLimitedError"],
    [oauth(400, "invalid_grant"), "NotAuthorizedError"],
    [oauth(401, "invalid_client"), "NotAuthorizedError"],
    [oauth(400, "OAUTH_EC_APP_NOT_FOUND"), "NotAuthorizedError"],
    [{ status: 200, body: { access_token: "x" } }, "ContractError"],
  ])("the token endpoint answers %j: %s", async (answer, name) => {
    const { error } = await failureOf(
      () => ({ body: [null] }),
      () => answer as Answer,
    );
    expect(error.name).toBe(name);
  });
});

describe("a wait that Salesforce names", () => {
  const html = (status: number, retryAfter: string): Answer => ({
    status,
    headers: { "content-type": "text/html", "retry-after": retryAfter },
    body: "<html>busy</html>",
  });
  const limited = { name: "RateLimitedError", retryAfterSeconds: 120 };

  test.each([429, 503, 500, 403])(
    "with %i is kept to the second, by the API and by the token endpoint",
    async (status) => {
      expect((await failureOf(() => html(status, "120"))).error).toMatchObject(limited);
      const noToken = () => html(status, "120");
      expect((await failureOf(() => ({ body: [null] }), noToken)).error).toMatchObject(limited);
    },
  );

  test("may be a date", async () => {
    const now = Date.parse("2026-11-22T10:00:00Z");
    await using server = await startOrg(() => html(503, "Sun, 22 Nov 2026 10:02:00 GMT"));
    await expect(clientOf(server, { now: () => now }).readUsage()).rejects.toMatchObject(limited);
  });

  test.each(["0", "-5", "soon", "Sun, 22 Nov 2020 10:02:00 GMT", ""])(
    "is none when it says '%s'",
    async (retryAfter) => {
      expect((await failureOf(() => html(503, retryAfter))).error.name).toBe("TransientError");
    },
  );

  test("is longer than our own guess for the day's limit only when it is named", async () => {
    const daily = problem(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.");
    const { error } = await failureOf(() => ({ ...daily, headers: { "retry-after": "120" } }));
    expect(error).toMatchObject(limited);
  });
});

describe("a vendor's message", () => {
  test.each([
    ["STRING_TOO_LONG", "Name: data value too large: Erika Mustermann (max length=5)", "Erika"],
    ["INVALID_EMAIL_ADDRESS", "Email: invalid email address: erika", "erika"],
    ["FIELD_CUSTOM_VALIDATION_EXCEPTION", "Do not write to erika@acme.example, please", "erika@acme.example"],
  ])("of %s does not carry personal data on", async (code, message, secret) => {
    const { error } = await failureOf(() => problem(400, code, message));
    expect(error.message).toContain(code);
    expect(error.message).not.toContain(secret);
    const refused = toRecordError("Account", ACCOUNT, [{ statusCode: code, message, fields: ["Name"] }]);
    expect(refused.message).toMatch(`Account ${ACCOUNT} (Name) with ${code}`);
    expect(refused.message).not.toContain(secret);
  });
});

describe("toRecordError", () => {
  const refused = (statusCode: string, message = "problem") => ({ statusCode, message, fields: [] });

  test.each([
    ["UNABLE_TO_LOCK_ROW", "TransientError"],
    ["REQUEST_LIMIT_EXCEEDED", "RateLimitedError"],
    ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "TransientError"],
    ["DUPLICATE_VALUE", "RejectedByTargetError"],
    ["ENTITY_IS_DELETED", "RejectedByTargetError"],
    ["NOT_FOUND", "RejectedByTargetError"],
    ["FIELD_CUSTOM_VALIDATION_EXCEPTION", "RejectedByTargetError"],
    ["REQUIRED_FIELD_MISSING", "RejectedByTargetError"],
    ["CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "RejectedByTargetError"],
    ["INVALID_FIELD_FOR_INSERT_UPDATE", "RejectedByTargetError"],
    ["INSUFFICIENT_ACCESS_OR_READONLY", "RejectedByTargetError"],
    ["INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY", "RejectedByTargetError"],
    ["API_DISABLED_FOR_ORG", "NotAuthorizedError"],
    ["A_CODE_OF_TOMORROW", "RejectedByTargetError"],
  ])("%s is %s", (code, name) => {
    expect(toRecordError("Account", ACCOUNT, [refused(code)])).toMatchObject({ name });
  });

  test.each([
    [
      "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
      "SyncTrigger: execution of AfterUpdate caused by: System.DmlException: Update failed. First exception on row 0; " +
        "first error: UNABLE_TO_LOCK_ROW, unable to obtain exclusive access to this record: []",
    ],
    ["CANNOT_EXECUTE_FLOW_TRIGGER", "unable to obtain exclusive access to this record or 1 records: 001"],
    ["UNKNOWN_EXCEPTION", "common.exception.SqlException: UNABLE_TO_LOCK_ROW"],
    ["A_CODE_OF_TOMORROW", "The record you are attempting to edit is currently being modified by another user."],
  ])("%s is tried again when its message names a lock", (code, message) => {
    expect(toRecordError("Account", ACCOUNT, [refused(code, message)])).toMatchObject({ name: "TransientError", code });
  });

  test("a code that is known to refuse stays one, whatever its message quotes", () => {
    const error = refused("FIELD_CUSTOM_VALIDATION_EXCEPTION", "Never write UNABLE_TO_LOCK_ROW here");
    expect(toRecordError("Account", ACCOUNT, [error])).toMatchObject({ name: "RejectedByTargetError" });
  });

  test("names the other record of a duplicate", () => {
    const message = `duplicate value found: Ext__c duplicates value on record with id: ${ACCOUNT}`;
    expect(toRecordError("Account", "001", [refused("DUPLICATE_VALUE", message)]).message).toContain(`id: ${ACCOUNT}`);
  });

  test("what is refused for good is not tried again for the sake of another error", () => {
    const errors = [refused("UNABLE_TO_LOCK_ROW"), refused("REQUIRED_FIELD_MISSING")];
    expect(toRecordError("Account", ACCOUNT, errors)).toMatchObject({ code: "REQUIRED_FIELD_MISSING" });
  });

  test("a refusal without a reason is an error too", () => {
    expect(toRecordError("Account", ACCOUNT, [])).toMatchObject({ name: "RejectedByTargetError", code: "UNKNOWN" });
  });
});
