import { createHash } from "node:crypto";
import { afterAll, beforeEach, describe, expect, test } from "@jest/globals";
import type { Context } from "aws-lambda";
import { TransientError } from "#shared/errors.ts";
import { currentScope, type Scope } from "#shared/scope.ts";
import { TRACE } from "#shared/testing/metadata.ts";
import { type Answer, type SeenRequest, serve } from "#shared/testing/server.ts";
import { dispatch, handler } from "./dispatch.ts";
import { bodyOf, CUSTOMER_ID, changed, deleted, recordOf } from "./testing.ts";

/** Takes a message as SQS does, or what a test wants instead. */
const accept = ({ body }: SeenRequest): Answer => {
  const MD5OfMessageBody = createHash("md5").update(JSON.parse(body).MessageBody).digest("hex");
  return { body: { MessageId: "1", MD5OfMessageBody } };
};
let answer = accept;
const server = await serve((request) => answer(request));
// As the plugin and Lambda set them; read when the handler works for the first time.
Object.assign(process.env, {
  AWS_REGION: "us-east-1",
  AWS_ACCESS_KEY_ID: "test",
  AWS_SECRET_ACCESS_KEY: "test",
  AWS_ENDPOINT_URL_SQS: server.url,
  AWS_MAX_ATTEMPTS: "1",
  QUEUE_URL: `${server.url}/123456789012/queue`,
  DEAD_LETTER_QUEUE_URL: `${server.url}/123456789012/queue-dead`,
  GIVE_UP_AFTER_SECONDS: "86400",
  VISIBILITY_SECONDS: "300",
  RUN_SECONDS: "135",
  FLEET_STATE_TABLE: "fleet-state-test",
});

beforeEach(() => {
  answer = accept;
  server.requests.length = 0;
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

describe("dispatch", () => {
  test.each([
    ["customer.changed", changed],
    ["customer.deleted", deleted],
  ])("runs the workflow for %s inside the trace of its change", async (type, event) => {
    const seen: [unknown, Scope | undefined][] = [];
    await dispatch({ event, traceHeader: TRACE }, async (input) => {
      seen.push([input, currentScope()]);
      return { executionArn: "arn", status: "SUCCEEDED" };
    });
    const scope = { correlationId: "correlation-1", customerId: CUSTOMER_ID, traceHeader: TRACE };
    expect(seen).toEqual([[{ type, ...event.detail }, scope]]);
  });

  test.each([
    ["one that billing took", { status: "SUCCEEDED", output: '{"outcome":"synced","version":"1"}' }, 1],
    ["one that stays behind", { status: "SUCCEEDED", output: '{"outcome":"behind","version":"1"}' }, 0],
    ["one that a newer run overtook", { status: "SUCCEEDED", output: '{"outcome":"superseded"}' }, 0],
    ["one that is parked", { status: "FAILED", error: "SyncFailed" }, 0],
  ] as const)("remembers that billing works after %s: %j, %d times", async (_what, end, times) => {
    let noted = 0;
    const successes = {
      async note() {
        noted += 1;
      },
    };
    await dispatch({ event: changed, traceHeader: TRACE }, async () => ({ executionArn: "arn", ...end }), successes);
    expect(noted).toBe(times);
  });

  test("fails as the run did", async () => {
    const error = new TransientError("T", "down");
    const failed = dispatch({ event: changed, traceHeader: undefined }, () => Promise.reject(error));
    await expect(failed).rejects.toBe(error);
  });
});

describe("the handler", () => {
  const context = { functionName: "test", awsRequestId: "1", invokedFunctionArn: "arn" } as Context;
  const wrongVersion = bodyOf({ ...changed, detail: { ...changed.detail, data: { version: "1" } } } as never);
  const run = (body: string) => handler({ Records: [recordOf(body)] }, context);

  test.each([
    ["no JSON", "{"],
    ["another event", JSON.stringify({ "detail-type": "customer.synced", detail: {} })],
    ["a change without its customer", wrongVersion],
  ])("parks %s whole, with the reason", async (_what, body) => {
    expect(await run(body)).toEqual({ batchItemFailures: [] });
    expect(server.requests).toHaveLength(1);
    expect(JSON.parse(server.requests[0]?.body ?? "")).toMatchObject({
      QueueUrl: process.env.DEAD_LETTER_QUEUE_URL,
      MessageBody: body,
      MessageAttributes: { ERROR_CODE: { StringValue: "ContractError" } },
    });
  });

  test("keeps on its queue what could not be parked", async () => {
    answer = () => ({ status: 500, body: { __type: "InternalError", message: "broken" } });
    expect(await run("{")).toEqual({ batchItemFailures: [{ itemIdentifier: "message-1" }] });
  });
});
