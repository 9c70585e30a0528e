import { SFNClient } from "@aws-sdk/client-sfn";
import { describe, expect, test } from "@jest/globals";
import { type Answer, serve } from "#shared/testing/server.ts";
import { createWorkflow } from "./client.ts";

const MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:customer-sync";
const EXECUTION = "arn:aws:states:us-east-1:123456789012:express:customer-sync:1:1";

/** The Step Functions client puts `sync-` before the host of a synchronous start, which loopback does not have. */
const clientAt = (endpoint: string) =>
  new SFNClient({
    endpoint,
    region: "us-east-1",
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
    maxAttempts: 1,
    disableHostPrefix: true,
  });

async function run(answer: Answer, input: unknown = { a: 1 }) {
  await using server = await serve(() => answer);
  const [settled] = await Promise.allSettled([createWorkflow(MACHINE, clientAt(server.url))(input)]);
  return { settled, requests: server.requests };
}

async function errorOf(answer: Answer): Promise<unknown> {
  const { settled } = await run(answer);
  return settled.status === "rejected" ? settled.reason : undefined;
}

const refusal = (type: string, status = 400): Answer => ({ status, body: { __type: type, message: `${type} it is` } });

// https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartSyncExecution.html
describe("a run", () => {
  test("is started once, with the input as JSON text", async () => {
    const input = { type: "customer.changed", data: { name: "Zoë" } };
    const { requests } = await run({ body: { executionArn: EXECUTION, status: "SUCCEEDED" } }, input);
    expect(requests).toHaveLength(1);
    expect(requests[0]?.headers["x-amz-target"]).toBe("AWSStepFunctions.StartSyncExecution");
    const { stateMachineArn, input: text } = JSON.parse(requests[0]?.body ?? "");
    expect([stateMachineArn, JSON.parse(text)]).toEqual([MACHINE, input]);
  });

  test.each([
    [
      { status: "SUCCEEDED", output: "{}" },
      { status: "SUCCEEDED", output: "{}" },
    ],
    [
      { status: "FAILED", error: "SyncFailed", cause: "Parked as 1" },
      { status: "FAILED", error: "SyncFailed", cause: "Parked as 1" },
    ],
    [{ status: "TIMED_OUT" }, { status: "TIMED_OUT" }],
  ])("that ended as %j is an answer", async (end, expected) => {
    const { settled } = await run({ body: { executionArn: EXECUTION, ...end } });
    expect(settled).toEqual({ status: "fulfilled", value: { executionArn: EXECUTION, ...expected } });
  });

  test("without a status counts as failed, never as done", async () => {
    const { settled } = await run({ body: {} });
    expect(settled).toMatchObject({ value: { executionArn: "unknown", status: "FAILED" } });
  });
});

// https://docs.aws.amazon.com/step-functions/latest/apireference/CommonErrors.html
describe("a start that fails", () => {
  test.each([
    ["AccessDeniedException", "NotAuthorizedError", 400],
    ["ExpiredTokenException", "NotAuthorizedError", 403],
    ["UnrecognizedClientException", "NotAuthorizedError", 403],
    ["InvalidExecutionInput", "InvalidInputError", 400],
    // The answer to an input above 256 KiB.
    ["ValidationException", "InvalidInputError", 400],
    ["InvalidArn", "NotAuthorizedError", 400],
    ["StateMachineDoesNotExist", "NotAuthorizedError", 400],
    ["ThrottlingException", "RateLimitedError", 400],
    ["TooManyRequestsException", "RateLimitedError", 429],
    ["StateMachineDeleting", "TransientError", 400],
    ["InternalFailure", "TransientError", 500],
    ["ServiceUnavailable", "TransientError", 503],
  ])("with %s is a %s", async (type, name, status) => {
    expect(await errorOf(refusal(type, status))).toMatchObject({
      name,
      code: type,
      message: expect.stringContaining(type),
      cause: { name: type },
    });
  });

  test.each<[string, Answer]>([
    ["a cut connection", "reset"],
    ["a page instead of an answer", { status: 502, body: "<html>Bad gateway</html>" }],
    ["half an answer", { body: '{"executionArn":' }],
  ])("with %s is a TransientError", async (_what, answer) => {
    expect(await errorOf(answer)).toMatchObject({ name: "TransientError", retryable: true });
  });

  test("where nobody listens is a TransientError", async () => {
    const server = await serve(() => ({}));
    await server[Symbol.asyncDispose]();
    const started = createWorkflow(MACHINE, clientAt(server.url))({});
    await expect(started).rejects.toMatchObject({
      name: "TransientError",
      message: expect.stringContaining("Starting the workflow failed"),
    });
  });
});
