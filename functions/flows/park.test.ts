import { afterAll, beforeEach, describe, expect, test } from "@jest/globals";
import type { Context } from "aws-lambda";
import { toDelivery } from "#shared/handler/delivery.ts";
import type { ParkedWork } from "#shared/parked/work.ts";
import { TRACE } from "#shared/testing/metadata.ts";
import { type Answer, serve } from "#shared/testing/server.ts";
import { handler, park } from "./park.ts";
import { bodyOf, CUSTOMER_ID, changed, recordOf } from "./testing.ts";

let answer: Answer;
const server = await serve(() => answer);
// As Lambda sets them; read when the handler works for the first time.
Object.assign(process.env, {
  AWS_REGION: "us-east-1",
  AWS_ACCESS_KEY_ID: "test",
  AWS_SECRET_ACCESS_KEY: "test",
  AWS_ENDPOINT_URL_DYNAMODB: server.url,
  AWS_MAX_ATTEMPTS: "1",
  PARKED_TABLE: "parked-test",
});

beforeEach(() => {
  answer = { body: {} };
  server.requests.length = 0;
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

const context = { functionName: "test", awsRequestId: "1", invokedFunctionArn: "arn" } as Context;
const run = (...records: ReturnType<typeof recordOf>[]) => handler({ Records: records }, context);

test("park keeps the dead letter of a delivery", async () => {
  const kept: ParkedWork[] = [];
  const record = recordOf("{");
  await park(toDelivery(record, record.body), async (work) => void kept.push(work));
  expect(kept).toMatchObject([{ parkedId: "message-1", kind: "message", input: "{" }]);
});

// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PutItem.html
describe("the handler", () => {
  test("puts a dead letter into the table, whole", async () => {
    const body = bodyOf(changed);
    expect(await run(recordOf(body, { ERROR_CODE: "ContractError", ERROR_MESSAGE: "bad" }))).toEqual({
      batchItemFailures: [],
    });
    expect(server.requests).toHaveLength(1);
    expect(JSON.parse(server.requests[0]?.body ?? "")).toMatchObject({
      TableName: "parked-test",
      Item: {
        parkedId: { S: "message-1" },
        part: { N: "0" },
        input: { S: body },
        errorName: { S: "ContractError" },
        customerId: { S: CUSTOMER_ID },
        traceHeader: { S: TRACE },
        status: { S: "parked" },
      },
    });
  });

  test("keeps anything, as nothing may block the queue", async () => {
    expect(await run(recordOf(""), recordOf("\u0000"), recordOf("null"))).toEqual({ batchItemFailures: [] });
    expect(server.requests).toHaveLength(3);
  });

  test.each(["ProvisionedThroughputExceededException", "AccessDeniedException", "ValidationException"])(
    "leaves on its queue what the table did not take (%s), however often it came",
    async (type) => {
      answer = { status: 400, body: { __type: type, message: "no" } };
      const record = recordOf(bodyOf(changed), {}, { ApproximateReceiveCount: "1000" });
      expect(await run(record)).toEqual({ batchItemFailures: [{ itemIdentifier: "message-1" }] });
    },
  );
});
