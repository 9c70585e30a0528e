import { describe, expect, test } from "@jest/globals";
import { toFleetError, toRecordError } from "../client/errors.ts";
import { clientOf, problem, startOrg } from "../client/testing.ts";
import { ACCOUNT } from "../testing.ts";
import { refusalOf } from "./refusal.ts";

const account = { accountId: ACCOUNT, values: { Stripe_Customer_Id__c: "cus_1" } };
const refused = (statusCode: string, message = "problem") =>
  refusalOf(toRecordError("Account", ACCOUNT, [{ statusCode, message, fields: [] }]), account);

describe("a record that Salesforce did not update", () => {
  test.each([
    ["ENTITY_IS_DELETED", "entity is deleted"],
    ["INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id"],
    ["NOT_FOUND", "Provided external ID field does not exist or is not accessible"],
  ])("with %s is gone: nothing is left to do", (code, message) => {
    expect(refused(code, message)).toBe("gone");
  });

  test.each([
    ["UNABLE_TO_LOCK_ROW", "TransientError"],
    ["DUPLICATE_VALUE", "RejectedByTargetError"],
    ["INSUFFICIENT_ACCESS_OR_READONLY", "RejectedByTargetError"],
    ["INVALID_FIELD_FOR_INSERT_UPDATE", "RejectedByTargetError"],
    ["A_CODE_OF_TOMORROW", "RejectedByTargetError"],
  ])("with %s is a %s", (code, name) => {
    expect(refused(code)).toMatchObject({ name, code });
  });
});

test.each([404, 400])("a call that is answered NOT_FOUND as a whole (%i) makes no account gone", async (status) => {
  await using org = await startOrg(() => problem(status, "NOT_FOUND", "The requested resource does not exist"));
  const [result] = await clientOf(org).updateRecords("Account", [{ Id: ACCOUNT, Sync_State__c: "synced" }]);
  const error = result && "error" in result ? result.error : toFleetError(undefined);
  expect(refusalOf(error, account)).toMatchObject({ name: "RejectedByTargetError", code: "NOT_FOUND" });
});
