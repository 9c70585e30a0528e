import type { CreateTableCommandInput } from "@aws-sdk/client-dynamodb";
import { createParkedTable } from "../parked/table.ts";
import type { ParkedWork } from "../parked/work.ts";
import { indexOf, startDynamo } from "./dynamo.ts";

export const PARKED_TABLE = "parked-test";

/** An empty table of parked work on a loopback DynamoDB. Close it in `afterAll`. */
export async function startParkedTable(TableName = PARKED_TABLE) {
  const dynamo = await startDynamo(parkedTableOf(TableName));
  return { ...dynamo, parked: createParkedTable(TableName, dynamo.client) };
}

/** The table as resources/tables.yml declares it. */
export function parkedTableOf(TableName: string): CreateTableCommandInput {
  return {
    TableName,
    AttributeDefinitions: [
      { AttributeName: "parkedId", AttributeType: "S" },
      { AttributeName: "part", AttributeType: "N" },
      { AttributeName: "status", AttributeType: "S" },
      { AttributeName: "parkedAt", AttributeType: "S" },
    ],
    KeySchema: [
      { AttributeName: "parkedId", KeyType: "HASH" },
      { AttributeName: "part", KeyType: "RANGE" },
    ],
    GlobalSecondaryIndexes: [indexOf({ name: "by-status", hash: "status", range: "parkedAt" })],
    BillingMode: "PAY_PER_REQUEST",
  };
}

/** A dead letter of the queue customer-sync, about no customer that is known. */
export function parkedWork(parkedId: string, more: Partial<ParkedWork> = {}): ParkedWork {
  return {
    parkedId,
    kind: "message",
    hop: "connector-fleet-test-customer-sync",
    input: "{}",
    errorName: "ContractError",
    errorMessage: "bad",
    correlationId: "correlation-1",
    customerId: "unknown",
    traceHeader: "none",
    tries: 3,
    parkedAt: "2026-01-01T00:00:00.000Z",
    ...more,
  };
}
