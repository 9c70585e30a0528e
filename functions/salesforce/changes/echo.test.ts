import { describe, expect, test } from "@jest/globals";
import { CLIENT_NAME, changeOf } from "../testing.ts";
import { isEcho } from "./echo.ts";

const ours = {
  changeOrigin: `com/salesforce/api/rest/67.0;client=${CLIENT_NAME}`,
  changedFields: ["Stripe_Customer_Id__c", "Sync_State__c", "Sync_Time__c", "LastModifiedDate", "LastModifiedById"],
};

describe("isEcho", () => {
  test("is our own write-back", () => {
    expect(isEcho(changeOf(ours), CLIENT_NAME)).toBe(true);
  });

  test.each([
    ["another field changed along with ours", { changedFields: [...ours.changedFields, "Name"] }],
    ["somebody else edited our field", { changeOrigin: "com/salesforce/api/soap/60.0;client=SfdcInternalAPI/" }],
    ["the client name only begins like ours", { changeOrigin: `${ours.changeOrigin}-test` }],
    ["the client name only ends like ours", { changeOrigin: `com/salesforce/api/rest/67.0;client=x${CLIENT_NAME}` }],
    ["no fields are told", { changedFields: [] }],
    ["the fields are a bitmap", { changedFields: ["0x400800"] }],
    ["it is a gap", { changeType: "GAP_UPDATE" }],
    ["it is a creation", { changeType: "CREATE" }],
    ["it is a deletion", { changeType: "DELETE" }],
  ])("is no echo when %s", (_case, members) => {
    expect(isEcho(changeOf({ ...ours, ...members }), CLIENT_NAME)).toBe(false);
  });
});
