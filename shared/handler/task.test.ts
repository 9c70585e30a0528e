import { describe, expect, jest, test } from "@jest/globals";
import type { Context } from "aws-lambda";
import { z } from "zod";
import { customerDeleted } from "../contracts/events.ts";
import { eventInputOf, taskInputOf } from "../contracts/task.ts";
import { RejectedByTargetError } from "../errors.ts";
import { plainError } from "../parked/plain-words.ts";
import { currentScope } from "../scope.ts";
import { version } from "../testing/customers-table.ts";
import { METADATA as metadata } from "../testing/metadata.ts";
import { taskHandler } from "./task.ts";

const context = { functionName: "test", awsRequestId: "1", invokedFunctionArn: "arn" } as Context;
const CUSTOMER_ID = "0015f00002J9YaUAAV";
const deletion = {
  type: "customer.deleted",
  metadata,
  data: { customerId: CUSTOMER_ID, orgId: metadata.orgId, version: version(1) },
};

const task = <Input>(input: Input) => ({ input, output: z.unknown() });
const deletionTask = task(eventInputOf(customerDeleted));

describe("a task", () => {
  test("gets its checked input, unknown members included, and gives its output", async () => {
    const handler = taskHandler(deletionTask, async (input) => ({ got: input }));
    const input = { ...deletion, later: 1, data: { ...deletion.data, later: 2 } };
    expect(await handler(input, context)).toEqual({ got: input });
  });

  test.each<[string, unknown, object]>([
    ["at the top", { customerId: CUSTOMER_ID }, { customerId: CUSTOMER_ID }],
    ["inside the customer", { customer: { customerId: CUSTOMER_ID } }, { customerId: CUSTOMER_ID }],
    ["nowhere", {}, {}],
    ["that is no text", { customerId: 7 }, {}],
  ])("works for its change, with a customer id %s", async (_where, data, expected) => {
    const handler = taskHandler(task(taskInputOf("thing.done", z.unknown())), async () => currentScope());
    expect(await handler({ type: "thing.done", metadata, data }, context)).toEqual({
      correlationId: "correlation-1",
      ...expected,
    });
    expect(currentScope()).toBeUndefined();
  });

  test("fails with the work's own error, whose name the state machine matches", async () => {
    const error = new RejectedByTargetError("CARD", "no");
    const handler = taskHandler(deletionTask, () => Promise.reject(error));
    await expect(handler(deletion, context)).rejects.toBe(error);
  });

  test("tells its error's code in front of the message, however often the error is thrown", async () => {
    const error = new RejectedByTargetError("email_invalid", "Stripe refused it");
    const handler = taskHandler(deletionTask, () => Promise.reject(error));
    for (const _ of [1, 2]) await expect(handler(deletion, context)).rejects.toBe(error);
    // What Step Functions keeps of it: https://docs.aws.amazon.com/lambda/latest/dg/nodejs-exceptions.html
    const Cause = JSON.stringify({ errorType: error.name, errorMessage: error.message, trace: [] });
    expect(plainError({ Error: error.name, Cause })).toEqual({
      name: "RejectedByTargetError",
      code: "email_invalid",
      message: "Stripe refused it",
    });
  });

  test.each<[string, Error, number | undefined]>([
    ["with a name of ours is counted as answered", new RejectedByTargetError("CARD", "no"), 1],
    ["without is left to the alarm", new TypeError("bug"), undefined],
  ])("an error %s", async (_what, error, RunsFailed) => {
    const handler = taskHandler(deletionTask, () => Promise.reject(error));
    const printed = jest.spyOn(process.stdout, "write").mockImplementation(() => true);
    try {
      await expect(handler(deletion, context)).rejects.toMatchObject({ name: error.name });
      const lines = printed.mock.calls.map(([line]) => JSON.parse(String(line)));
      expect(lines.find((line) => "RunsFailed" in line)?.RunsFailed).toBe(RunsFailed);
    } finally {
      printed.mockRestore();
    }
  });

  test.each<[string, unknown, string]>([
    ["another type", { ...deletion, type: "customer.changed" }, "type"],
    ["a later version of the schema", { ...deletion, metadata: { ...metadata, schemaVersion: 2 } }, "schemaVersion"],
    ["no correlation id", { ...deletion, metadata: { ...metadata, correlationId: "" } }, "metadata.correlationId"],
    ["bad data", { ...deletion, data: { ...deletion.data, customerId: "1" } }, "data.customerId"],
    ["no object", "text", "expected object"],
    ["nothing", undefined, "expected object"],
  ])("refuses %s as ContractError with its path, before any work", async (_what, input, path) => {
    const seen: unknown[] = [];
    const handler = taskHandler(deletionTask, async (task) => seen.push(task));
    await expect(handler(input, context)).rejects.toMatchObject({
      name: "ContractError",
      code: "BAD_INPUT",
      message: expect.stringContaining(path),
    });
    expect(seen).toEqual([]);
  });

  test("says nothing of the values it refuses", async () => {
    const handler = taskHandler(deletionTask, async () => 1);
    const input = { ...deletion, data: { ...deletion.data, version: "secret@acme.example" } };
    const refused = handler(input, context);
    await expect(refused).rejects.toMatchObject({ message: expect.not.stringContaining("secret") });
  });
});
