import type { SQSRecord } from "aws-lambda";
import { version } from "#shared/testing/customers-table.ts";
import { METADATA, TRACE } from "#shared/testing/metadata.ts";
import type { CustomerEvent } from "./run-customer-sync.ts";

export const CUSTOMER_ID = "0015f00002J9YaUAAV";

const metadata = { ...METADATA, traceHeader: TRACE };
const { orgId } = metadata;
const customer = {
  customerId: CUSTOMER_ID,
  orgId,
  name: "Acme",
  email: "pay@acme.example",
  phone: null,
  address: null,
  plan: "gold",
};

export const changed: CustomerEvent = {
  type: "customer.changed",
  detail: { metadata, data: { customer, version: version(1) } },
};
export const deleted: CustomerEvent = {
  type: "customer.deleted",
  detail: { metadata, data: { customerId: CUSTOMER_ID, orgId, version: version(2) } },
};

/** A message body as the bus's rule makes it. */
export function bodyOf({ type, detail }: CustomerEvent): string {
  return JSON.stringify({ version: "0", id: "1", "detail-type": type, source: "fleet.salesforce", detail });
}

/** A message as Lambda hands it over, by default from the dead-letter queue of customer-sync. */
export function recordOf(
  body: string,
  reason: Readonly<Record<string, string>> = {},
  attributes: Partial<SQSRecord["attributes"]> = {},
): SQSRecord {
  const entries = Object.entries(reason).map(([name, stringValue]) => [name, { dataType: "String", stringValue }]);
  return {
    messageId: "message-1",
    receiptHandle: "receipt-1",
    body,
    attributes: {
      ApproximateReceiveCount: "1",
      SentTimestamp: "0",
      SenderId: "",
      ApproximateFirstReceiveTimestamp: "0",
      ...attributes,
    },
    messageAttributes: Object.fromEntries(entries),
    md5OfBody: "",
    eventSource: "aws:sqs",
    eventSourceARN: "arn:aws:sqs:us-east-1:123456789012:connector-fleet-test-customer-sync-dead",
    awsRegion: "us-east-1",
  };
}
