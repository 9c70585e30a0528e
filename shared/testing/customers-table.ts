import type { AddressInfo } from "node:net";
import { CreateTableCommand, DynamoDBClient } from "@aws-sdk/client-dynamodb";
// @ts-expect-error dynalite ships no types
import dynalite from "dynalite";
import type { Customer } from "../contracts/customer.ts";
import { formatVersion } from "../contracts/customer.ts";

export const TABLE = "customers-test";

/** A customers table on a loopback DynamoDB. Close it with `await using` or in `afterAll`. */
export async function startCustomersTable(): Promise<{ client: DynamoDBClient; close: () => Promise<void> }> {
  const server = dynalite({ createTableMs: 0 });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const client = dynamoAt((server.address() as AddressInfo).port);
  await client.send(
    new CreateTableCommand({
      TableName: TABLE,
      KeySchema: [{ AttributeName: "customerId", KeyType: "HASH" }],
      AttributeDefinitions: [{ AttributeName: "customerId", AttributeType: "S" }],
      BillingMode: "PAY_PER_REQUEST",
    }),
  );
  const close = async () => {
    client.destroy();
    await new Promise((resolve) => server.close(resolve));
  };
  return { client, close };
}

/** A client without retries for a loopback port. */
export function dynamoAt(port: number): DynamoDBClient {
  return new DynamoDBClient({
    endpoint: `http://127.0.0.1:${port}`,
    region: "eu-central-1",
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
    maxAttempts: 1,
  });
}

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
