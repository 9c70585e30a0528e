import type { AddressInfo } from "node:net";
import { CreateTableCommand, type CreateTableCommandInput, DynamoDBClient } from "@aws-sdk/client-dynamodb";
// @ts-expect-error dynalite ships no types
import dynalite from "dynalite";

/** A DynamoDB on loopback with one empty table, whose only key is the text attribute `hashKey`. */
export function startTable(
  TableName: string,
  hashKey: string,
): Promise<{ client: DynamoDBClient; port: number; close: () => Promise<void> }> {
  return startDynamo({
    TableName,
    KeySchema: [{ AttributeName: hashKey, KeyType: "HASH" }],
    AttributeDefinitions: [{ AttributeName: hashKey, AttributeType: "S" }],
    BillingMode: "PAY_PER_REQUEST",
  });
}

/** A DynamoDB on loopback with these empty tables. */
export async function startDynamo(
  ...tables: readonly CreateTableCommandInput[]
): Promise<{ client: DynamoDBClient; port: number; close: () => Promise<void> }> {
  const server = dynalite({ createTableMs: 0 });
  // Node closes idle connections after five seconds, in the middle of a request when a test is slow.
  server.keepAliveTimeout = 120_000;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const client = dynamoAt(port);
  for (const table of tables) await client.send(new CreateTableCommand(table));
  const close = async () => {
    client.destroy();
    await new Promise((resolve) => server.close(resolve));
  };
  return { client, port, close };
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
