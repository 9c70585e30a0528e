import { BatchGetCommand, type DynamoDBDocumentClient } from "@aws-sdk/lib-dynamodb";
import { awsError } from "./aws-errors.ts";
import { chunks } from "./chunks.ts";
import { TransientError } from "./errors.ts";

// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
const MAX_KEYS = 100;
/** How often a batch is sent while DynamoDB leaves some of it undone. */
export const MAX_ROUNDS = 5;

/**
 * Reads many items, strongly consistent; items that are not there are missing from the answer.
 * @throws TransientError `THROTTLED` when DynamoDB keeps leaving keys undone, or the fleet's error for what it answers
 */
export async function batchGet(
  table: DynamoDBDocumentClient,
  tableName: string,
  keys: readonly Record<string, unknown>[],
): Promise<Record<string, unknown>[]> {
  const found: Record<string, unknown>[] = [];
  for (const some of chunks(keys, MAX_KEYS)) {
    let left = some;
    for (let round = 0; left.length > 0; round += 1) {
      if (round === MAX_ROUNDS) throw unfinished("BatchGetItem", tableName);
      const command = new BatchGetCommand({ RequestItems: { [tableName]: { Keys: left, ConsistentRead: true } } });
      const answer = await table.send(command).catch((cause) => {
        throw awsError(cause, `DynamoDB BatchGetItem on ${tableName}`);
      });
      found.push(...(answer.Responses?.[tableName] ?? []));
      left = answer.UnprocessedKeys?.[tableName]?.Keys ?? [];
    }
  }
  return found;
}

/** DynamoDB left part of a batch undone every time. */
export function unfinished(operation: string, tableName: string): TransientError {
  return new TransientError(
    "THROTTLED",
    `DynamoDB ${operation} on ${tableName} left items undone ${MAX_ROUNDS} times.`,
  );
}
