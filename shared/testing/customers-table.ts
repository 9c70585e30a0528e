import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient, UpdateCommand } from "@aws-sdk/lib-dynamodb";
import { INDEX } from "../behind/marks.ts";
import type { Customer } from "../contracts/customer.ts";
import { formatVersion } from "../contracts/customer.ts";
import { startTable } from "./dynamo.ts";

export { dynamoAt } from "./dynamo.ts";

export const TABLE = "customers-test";

/** A customers table on a loopback DynamoDB. Close it in `afterAll`. */
export const startCustomersTable = () =>
  startTable(TABLE, "customerId", [{ name: INDEX, hash: "behindKey", range: "nextTryAt" }]);

let count = 0;

/** A customer with an id of its own, so that tests can share one table. */
export function newCustomer(): Customer {
  count += 1;
  return {
    customerId: `001000000000${String(count).padStart(6, "0")}`,
    orgId: "00D000000000001EAA",
    name: "Acme",
    email: "pay@acme.example",
    phone: null,
    address: null,
    plan: "gold",
  };
}

/** The n-th version. */
export function version(n: number): string {
  return formatVersion(1_700_000_000_000 + n * 1000, 1_700_000_000_000, 1);
}

/** The change on whose behalf the n-th version is stored. */
export function cause(n = 1) {
  return {
    correlationId: `correlation-${n}`,
    actor: "005000000000001AAA",
    occurredAt: `2026-01-01T00:00:0${n}.000Z`,
  };
}

/** Leaves a stored customer without the agreed shape, and behind whatever it is behind. */
export async function spoil(client: DynamoDBClient, customerId: string): Promise<void> {
  const input = { TableName: TABLE, Key: { customerId }, UpdateExpression: "REMOVE links, actor" };
  await DynamoDBDocumentClient.from(client).send(new UpdateCommand(input));
}
