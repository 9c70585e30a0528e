import { randomBytes } from "node:crypto";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";
import { CreateTableCommand, type DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient, QueryCommand } from "@aws-sdk/lib-dynamodb";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
// @ts-expect-error dynalite ships no types
import dynalite from "dynalite";
import { createParkedTable, type ParkedWork } from "./parked-work.ts";
import { dynamoAt } from "./testing/customers-table.ts";
import { serve } from "./testing/server.ts";

const TABLE = "parked-test";
const dynamo = dynalite({ createTableMs: 0 });
let client: DynamoDBClient;

beforeAll(async () => {
  await new Promise<void>((resolve) => dynamo.listen(0, "127.0.0.1", resolve));
  client = dynamoAt((dynamo.address() as AddressInfo).port);
  await client.send(
    new CreateTableCommand({
      TableName: TABLE,
      AttributeDefinitions: [
        { AttributeName: "parkedId", AttributeType: "S" },
        { AttributeName: "part", AttributeType: "N" },
      ],
      KeySchema: [
        { AttributeName: "parkedId", KeyType: "HASH" },
        { AttributeName: "part", KeyType: "RANGE" },
      ],
      BillingMode: "PAY_PER_REQUEST",
    }),
  );
});

afterAll(async () => {
  client.destroy();
  await new Promise((resolve) => dynamo.close(resolve));
});

const workOf = (parkedId: string, input: string): ParkedWork => ({
  parkedId,
  kind: "message",
  hop: "customer-sync",
  input,
  errorName: "ContractError",
  errorMessage: "bad",
  correlationId: "correlation-1",
  customerId: "unknown",
  traceHeader: "none",
  tries: 3,
  parkedAt: "2026-01-01T00:00:00.000Z",
});

/** The items of one piece of work, by part. */
async function read(parkedId: string): Promise<Record<string, unknown>[]> {
  const query = new QueryCommand({
    TableName: TABLE,
    KeyConditionExpression: "parkedId = :id",
    ExpressionAttributeValues: { ":id": parkedId },
  });
  return (await DynamoDBDocumentClient.from(client).send(query)).Items ?? [];
}

/** The input again, as whoever redrives puts it together. */
function unpack(items: readonly Record<string, unknown>[]): unknown {
  if (items[0]?.input !== undefined) return items[0].input;
  return gunzipSync(Buffer.concat(items.map(({ inputGzip }) => inputGzip as Uint8Array))).toString();
}

describe("a piece of work", () => {
  test("is one item with everything about it", async () => {
    const { input, ...about } = workOf("small", '{"a":"ü"}');
    await createParkedTable(TABLE, client)({ input, ...about });
    expect(await read("small")).toEqual([{ ...about, input, part: 0, parts: 1, status: "parked" }]);
  });

  test.each([
    ["nothing", "", 1],
    ["as much text as fits", "x".repeat(350_000), 1],
    ["more text than fits, that compresses well", "ü".repeat(400_000), 1],
    ["more than fits into two items", randomBytes(500_000).toString("base64"), 2],
    ["the largest message SQS takes", randomBytes(524_288).toString("hex"), 2],
    ["what hardly compresses", randomBytes(786_000).toString("latin1"), 3],
  ])("comes back whole with %s as input", async (what, input, parts) => {
    await createParkedTable(TABLE, client)(workOf(what, input));
    const items = await read(what);
    expect(items.map(({ part }) => part)).toEqual(Array.from({ length: parts }, (_, part) => part));
    expect(items[0]).toMatchObject({ parts, status: "parked", errorName: "ContractError" });
    expect(unpack(items) === input).toBe(true);
  });

  test("parked twice is there once", async () => {
    const park = createParkedTable(TABLE, client);
    const input = randomBytes(500_000).toString("base64");
    await park(workOf("twice", input));
    await park(workOf("twice", input));
    const items = await read("twice");
    expect(items).toHaveLength(2);
    expect(unpack(items) === input).toBe(true);
  });
});

describe("a table that fails", () => {
  const failure = { status: 400, body: { __type: "ProvisionedThroughputExceededException", message: "slow" } };
  const large = workOf("large", randomBytes(500_000).toString("base64"));

  test.each([1, 2])("at item %i is said, and part 0 is never there without the others", async (failing) => {
    const parts: string[] = [];
    await using server = await serve(({ body }) => {
      parts.push(JSON.parse(body).Item.part.N);
      return parts.length === failing ? failure : { body: {} };
    });
    const failed = createParkedTable(TABLE, dynamoAt(Number(new URL(server.url).port)))(large);
    await expect(failed).rejects.toMatchObject({ name: "ProvisionedThroughputExceededException" });
    expect(parts).toEqual(["1", "0"].slice(0, failing));
  });
});
