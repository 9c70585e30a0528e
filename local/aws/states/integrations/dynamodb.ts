import { optimisedErrors } from "./errors.ts";
import { members, sdkMetadata } from "./metadata.ts";
import type { Action } from "./types.ts";

const errorOf = optimisedErrors({
  prefix: "DynamoDB",
  modelled: [
    "ConditionalCheckFailedException",
    "InternalServerErrorException",
    "ItemCollectionSizeLimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceededException",
    "ResourceNotFoundException",
    "SdkClientException",
    "TransactionConflictException",
  ],
  base: "AmazonDynamoDBException",
  service: "AmazonDynamoDBv2",
  deniedStatus: 400,
});

/** https://docs.aws.amazon.com/step-functions/latest/dg/connect-ddb.html */
function itemAction(operation: string, required: readonly string[], optional: readonly string[]): Action {
  return {
    patterns: ["request"],
    required: ["TableName", ...required],
    optional: ["ExpressionAttributeNames", "ReturnConsumedCapacity", ...optional],
    errorOf,
    async start(request) {
      const input = members(request.arguments);
      const about = { table_name: input.TableName };
      const answer = await request.call("dynamodb", operation, input, "DynamoDB", about);
      return { ...answer.output, ...sdkMetadata(answer, "application/x-amz-json-1.0") };
    },
  };
}

const CONDITIONAL = [
  "ConditionExpression",
  "ConditionalOperator",
  "Expected",
  "ExpressionAttributeValues",
  "ReturnItemCollectionMetrics",
  "ReturnValues",
  "ReturnValuesOnConditionCheckFailure",
];

export const getItem = itemAction("GetItem", ["Key"], ["AttributesToGet", "ConsistentRead", "ProjectionExpression"]);
export const putItem = itemAction("PutItem", ["Item"], CONDITIONAL);
export const updateItem = itemAction("UpdateItem", ["Key"], [...CONDITIONAL, "AttributeUpdates", "UpdateExpression"]);
export const deleteItem = itemAction("DeleteItem", ["Key"], CONDITIONAL);
