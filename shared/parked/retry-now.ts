import { ConditionalCheckFailedException, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient, UpdateCommand } from "@aws-sdk/lib-dynamodb";
import { awsClient } from "../aws.ts";
import { awsError } from "../aws-errors.ts";
import { hashOf } from "../hash.ts";
import type { RedriveDependencies } from "./redrive.ts";

const SHARDS = 16;

/** Marks customers of a customers table as behind and due at once, so that the reconciler takes them up within a minute. */
export function createRetryNow(
  tableName: string,
  { client = awsClient(new DynamoDBClient({})), now = () => new Date() } = {},
): RedriveDependencies["retryNow"] {
  const table = DynamoDBDocumentClient.from(client);
  return async (customerId, target, parkedId) => {
    const at = now().toISOString();
    const shard = Number.parseInt(hashOf(customerId).slice(0, 8), 16) % SHARDS;
    const command = new UpdateCommand({
      TableName: tableName,
      Key: { customerId },
      UpdateExpression: "SET behind = :behind, behindKey = :key, nextTryAt = :at",
      ConditionExpression: "attribute_exists(customerId)",
      ExpressionAttributeValues: {
        ":behind": { target, since: at, nextTryAt: at, tries: 0, parkedId },
        ":key": `${target}#${String(shard).padStart(2, "0")}`,
        ":at": at,
      },
    });
    try {
      await table.send(command);
      return true;
    } catch (cause) {
      if (cause instanceof ConditionalCheckFailedException) return false;
      throw awsError(cause, `DynamoDB UpdateItem on ${tableName}`);
    }
  };
}
