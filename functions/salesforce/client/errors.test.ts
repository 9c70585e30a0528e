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

  test.each([
    [{ status: 503, body: "down" }, "TransientError"],
    [{ status: 400, body: { error: "invalid_grant", error_description: "audience is invalid" } }, "NotAuthorizedError"],
    [{ status: 200, body: { access_token: "x" } }, "ContractError"],
  ])("the token endpoint answers %j: %s", async (answer, name) => {
    const { error } = await failureOf(
      () => ({ body: [null] }),
      () => answer as Answer,
    );
    expect(error.name).toBe(name);
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
    ["ERROR_HTTP_429", "RateLimitedError"],
    ["DUPLICATE_VALUE", "RejectedByTargetError"],
    ["ENTITY_IS_DELETED", "RejectedByTargetError"],
    ["NOT_FOUND", "RejectedByTargetError"],
    ["FIELD_CUSTOM_VALIDATION_EXCEPTION", "RejectedByTargetError"],
    ["REQUIRED_FIELD_MISSING", "RejectedByTargetError"],
    ["CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "RejectedByTargetError"],
    ["INVALID_FIELD_FOR_INSERT_UPDATE", "RejectedByTargetError"],
    ["INSUFFICIENT_ACCESS_OR_READONLY", "NotAuthorizedError"],
    ["A_CODE_OF_TOMORROW", "RejectedByTargetError"],
  ])("%s is %s", (code, name) => {
    expect(toRecordError("Account", ACCOUNT, [refused(code)])).toMatchObject({ name, code });
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
