import { expect, test } from "@jest/globals";
import { asDeclared } from "./declared.ts";

const QueueUrl = "http://127.0.0.1/queue";
const isMissing = (at: string) => `Value null at '${at}' failed to satisfy constraint: Member must not be null`;

test("an input that is as declared stays as it is, but for members that are null", async () => {
  const attribute = { DataType: "String", StringValue: "1" };
  const input = { QueueUrl, MessageBody: "1", DelaySeconds: 1, MessageAttributes: { a: attribute }, Own: [null] };
  expect(await asDeclared("sqs", "SendMessage", { ...input, MessageGroupId: null })).toEqual(input);
  expect(await asDeclared("sqs", "NoSuchCall", [null])).toEqual([null]);
  expect(await asDeclared("lambda", "Invoke", { FunctionName: "f", Payload: "{" })).toMatchObject({ Payload: "{" });
});

test.each<[string, string, unknown]>([
  ["sqs", "SendMessage", null],
  ["sqs", "SendMessage", { QueueUrl: 1, MessageBody: "1" }],
  ["sqs", "SendMessage", { QueueUrl, MessageBody: "1", DelaySeconds: "1" }],
  ["sqs", "SendMessageBatch", { QueueUrl, Entries: {} }],
  ["sqs", "SendMessageBatch", { QueueUrl, Entries: [null] }],
  ["dynamodb", "PutItem", { TableName: "t", Item: { id: "1" } }],
  ["dynamodb", "PutItem", { TableName: "t", Item: { id: { M: { a: { L: "1" } } } } }],
  ["ecr", "DescribeRepositories", { repositoryNames: 1 }],
  ["events", "PutEvents", { Entries: "none" }],
  ["states", "DescribeExecution", { executionArn: [] }],
  ["monitoring", "PutMetricData", { Namespace: "n", MetricData: [{ MetricName: "m", Value: true }] }],
])("%s %s does not take another type: %j", async (service, operation, input) => {
  await expect(asDeclared(service, operation, input)).rejects.toMatchObject({ code: "SerializationException" });
});

test.each<[string, string, object, string, string]>([
  ["events", "PutEvents", {}, "ValidationException", `1 validation error detected: ${isMissing("entries")}`],
  ["dynamodb", "TransactGetItems", {}, "ValidationException", isMissing("transactItems")],
  [
    "logs",
    "PutLogEvents",
    { logGroupName: null, logEvents: [] },
    "InvalidParameterException",
    isMissing("logGroupName"),
  ],
  ["sqs", "SendMessage", { QueueUrl }, "MissingRequiredParameterException", "must contain the parameter MessageBody."],
  ["monitoring", "PutMetricData", {}, "MissingParameter", "must contain the parameter Namespace."],
  ["xray", "BatchGetTraces", {}, "InvalidRequestException", isMissing("traceIds")],
])("%s %s names what is missing of %j", async (service, operation, input, code, message) => {
  const refusal = expect.objectContaining({ code, status: 400, message: expect.stringContaining(message) });
  await expect(asDeclared(service, operation, input)).rejects.toEqual(refusal);
});

test("a refusal tells no names and values of the caller's", async () => {
  const input = { TableName: "t", Item: { "Ada Lovelace": { S: { phone: "+44" } } } };
  await expect(asDeclared("dynamodb", "PutItem", input)).rejects.toThrow(
    /^STRUCTURE_VALUE is not what 'item.value.s' /,
  );
});
