import type { AddressInfo } from "node:net";
import {
  CreateTableCommand,
  type CreateTableCommandInput,
  DynamoDBClient,
  type GlobalSecondaryIndex,
} from "@aws-sdk/client-dynamodb";
// @ts-expect-error dynalite ships no types
import dynalite from "dynalite";

/** A sparse or full index of a table: text attributes for its name, its hash key and its range key. */
export interface TestIndex {
  readonly name: string;
  readonly hash: string;
  readonly range: string;
}

/** A DynamoDB on loopback. */
export interface TestDynamo {
  readonly client: DynamoDBClient;
  readonly port: number;
  /** Makes further empty tables. */
  create(...tables: readonly CreateTableCommandInput[]): Promise<void>;
  close(): Promise<void>;
}

/** A DynamoDB on loopback with one empty table, whose only key is the text attribute `hashKey`. */
export function startTable(
  TableName: string,
  hashKey: string,
  indexes: readonly TestIndex[] = [],
): Promise<TestDynamo> {
  return startDynamo(tableOf(TableName, hashKey, indexes));
}

/** A table whose only key is the text attribute `hashKey`. */
export function tableOf(
  TableName: string,
  hashKey: string,
  indexes: readonly TestIndex[] = [],
): CreateTableCommandInput {
  const names = [hashKey, ...indexes.flatMap(({ hash, range }) => [hash, range])];
  return {
    TableName,
    KeySchema: [{ AttributeName: hashKey, KeyType: "HASH" }],
    AttributeDefinitions: names.map((AttributeName) => ({ AttributeName, AttributeType: "S" })),
    ...(indexes.length > 0 ? { GlobalSecondaryIndexes: indexes.map(indexOf) } : {}),
    BillingMode: "PAY_PER_REQUEST",
  };
}

/** An index that holds everything of its items. */
export function indexOf({ name, hash, range }: TestIndex): GlobalSecondaryIndex {
  return {
    IndexName: name,
    KeySchema: [
      { AttributeName: hash, KeyType: "HASH" },
      { AttributeName: range, KeyType: "RANGE" },
    ],
    Projection: { ProjectionType: "ALL" },
  };
}

/** A DynamoDB on loopback with these empty tables. */
export async function startDynamo(...tables: readonly CreateTableCommandInput[]): Promise<TestDynamo> {
  const server = dynalite({ createTableMs: 0 });
  // Node closes idle connections after five seconds, in the middle of a request when a test is slow.
  server.keepAliveTimeout = 120_000;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const client = dynamoAt(port);
  const create = async (...more: readonly CreateTableCommandInput[]) => {
    for (const table of more) await client.send(new CreateTableCommand(table));
  };
  await create(...tables);
  const close = async () => {
    client.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  return { client, port, create, close };
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
