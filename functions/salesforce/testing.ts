import type { SQSRecord } from "aws-lambda";
import type { Delivery } from "#shared/handler/delivery.ts";
import { type ChangeEvent, decodeChange } from "./changes/cdc.ts";

export const ORG = "00D5f000005KcCnEAK";
export const USER = "0055f000005mc66AAA";
export const ACCOUNT = "0015f00002J9YaUAAV";
export const OTHER_ACCOUNT = "0015f00002J9YYEAA3";
export const CLIENT_NAME = "connector-fleet/1.0";
export const COMMIT = 1_790_000_000_000;

/** A valid header; members can be changed, or taken out with `undefined`. */
export function header(members: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    entityName: "Account",
    recordIds: [ACCOUNT],
    changeType: "UPDATE",
    changeOrigin: "com/salesforce/api/soap/60.0;client=SfdcInternalAPI/",
    transactionKey: "0001ae4b-7024-a64a-87f0-f2c8cebdca76",
    sequenceNumber: 1,
    commitTimestamp: COMMIT,
    commitUser: USER,
    changedFields: ["Name", "LastModifiedDate"],
    ...members,
  };
}

/** A message as Event Relay makes it. */
export function relayed(members: Record<string, unknown> = {}, envelope: Record<string, unknown> = {}): string {
  return JSON.stringify({
    version: "0",
    id: "5c42b99e-c214-4a9c-8fbd-1a41e5faa44a",
    "detail-type": "AccountChangeEvent",
    source: `aws.partner/salesforce.com/${ORG}/0YL5f000000CabWGAS`,
    detail: { payload: { ChangeEventHeader: header(members), Name: "Acme" } },
    ...envelope,
  });
}

export function changeOf(members: Record<string, unknown> = {}, envelope: Record<string, unknown> = {}): ChangeEvent {
  return decodeChange(relayed(members, envelope));
}

/** A delivery of a decoded change, with the queue record it came in. */
export function deliveryOf(messageId: string, event: ChangeEvent): Delivery<ChangeEvent> {
  const record = { messageId, body: "", attributes: { ApproximateReceiveCount: "1" } } as SQSRecord;
  return { event, messageId, body: "", receiveCount: 1, traceHeader: undefined, record };
}

/** An Account as REST gives it. */
export function account(Id: string, fields: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    attributes: { type: "Account", url: `/services/data/v67.0/sobjects/Account/${Id}` },
    Id,
    Name: "Acme",
    Billing_Email__c: "pay@acme.example",
    Phone: "+49 30 1",
    BillingAddress: null,
    Plan__c: "Team",
    SystemModstamp: "2026-09-21T14:13:20.000+0000",
    ...fields,
  };
}
