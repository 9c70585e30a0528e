import type { AddressInfo } from "node:net";
import { CreateTableCommand, DynamoDBClient, type GlobalSecondaryIndex } from "@aws-sdk/client-dynamodb";
// @ts-expect-error dynalite ships no types
import dynalite from "dynalite";

/** A sparse or full index of a table: text attributes for its name, its hash key and its range key. */
export interface TestIndex {
  readonly name: string;
  readonly hash: string;
  readonly range: string;
}

/** A DynamoDB on loopback with one empty table, whose only key is the text attribute `hashKey`. */
export async function startTable(
  TableName: string,
  hashKey: string,
  indexes: readonly TestIndex[] = [],
): Promise<{ client: DynamoDBClient; close: () => Promise<void> }> {
  const server = dynalite({ createTableMs: 0 });
  // Node closes idle connections after five seconds, in the middle of a request when a test is slow.
  server.keepAliveTimeout = 120_000;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const client = dynamoAt((server.address() as AddressInfo).port);
  await client.send(
    new CreateTableCommand({
      TableName,
      KeySchema: [{ AttributeName: hashKey, KeyType: "HASH" }],
      AttributeDefinitions: [hashKey, ...indexes.flatMap(({ hash, range }) => [hash, range])].map((AttributeName) => ({
        AttributeName,
        AttributeType: "S",
      })),
      ...(indexes.length > 0 ? { GlobalSecondaryIndexes: indexes.map(toIndex) } : {}),
      BillingMode: "PAY_PER_REQUEST",
    }),
  );
  const close = async () => {
    client.destroy();
    await new Promise((resolve) => server.close(resolve));
  };
  return { client, close };
}

function toIndex({ name, hash, range }: TestIndex): GlobalSecondaryIndex {
  return {
    IndexName: name,
    KeySchema: [
      { AttributeName: hash, KeyType: "HASH" },
      { AttributeName: range, KeyType: "RANGE" },
    ],
    Projection: { ProjectionType: "ALL" },
  };
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
