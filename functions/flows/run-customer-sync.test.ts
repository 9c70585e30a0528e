import { describe, expect, test } from "@jest/globals";
import { RateLimitedError } from "#shared/errors.ts";
import type { RunResult } from "./client.ts";
import { type CustomerEvent, customerIdOf, runCustomerSync } from "./run-customer-sync.ts";
import { CUSTOMER_ID, changed, deleted } from "./testing.ts";

const ARN = "arn:aws:states:us-east-1:123456789012:express:customer-sync:1:1";

/** Runs the event with a workflow that ends as given; also what it was started with. */
async function run(event: CustomerEvent, end: object) {
  const inputs: unknown[] = [];
  const result = await runCustomerSync(event, async (input) => {
    inputs.push(input);
    return { executionArn: ARN, ...end } as RunResult;
  });
  return { result, inputs };
}

test.each([
  ["customer.changed", changed],
  ["customer.deleted", deleted],
])("the account of %s is known", (_type, event) => {
  expect(customerIdOf(event)).toBe(CUSTOMER_ID);
});

describe("one run", () => {
  test.each([
    ["customer.changed", changed],
    ["customer.deleted", deleted],
  ])("gets type, metadata and data of %s", async (type, event) => {
    const { inputs, result } = await run(event, { status: "SUCCEEDED" });
    expect(inputs).toEqual([{ type, ...event.detail }]);
    expect(result).toEqual({ executionArn: ARN, status: "SUCCEEDED" });
  });

  test("that parked its work before it failed is done", async () => {
    const end = { status: "FAILED", error: "SyncFailed", cause: "Parked as 1" };
    expect((await run(changed, end)).result).toMatchObject(end);
  });

  test.each([
    [{ status: "TIMED_OUT" }, "TIMED_OUT"],
    [{ status: "ABORTED" }, "ABORTED"],
    [{ status: "FAILED" }, "FAILED"],
    [{ status: "FAILED", error: "NotParked", cause: "Parking failed" }, "NotParked"],
    [{ status: "FAILED", error: "States.Runtime" }, "States.Runtime"],
    [{ status: "FAILED", error: "syncfailed" }, "syncfailed"],
    [{ status: "FAILED", error: "SyncFailed.Other" }, "SyncFailed.Other"],
  ])("that ended as %j without parking is tried again", async (end, named) => {
    const failed = run(changed, end);
    await expect(failed).rejects.toMatchObject({ name: "TransientError", code: end.status, retryable: true });
    await expect(failed).rejects.toThrow(ARN);
    await expect(failed).rejects.toThrow(named);
  });

  test("that may not store waits until a person has allowed it", async () => {
    const end = { status: "FAILED" as const, error: "NotAllowed", cause: "UpsertCustomer failed" };
    await expect(run(changed, end)).rejects.toMatchObject({ name: "NotAuthorizedError", code: "NotAllowed" });
  });

  test("that could not start fails as the start did", async () => {
    const error = new RateLimitedError("ThrottlingException", "slow down");
    await expect(runCustomerSync(changed, () => Promise.reject(error))).rejects.toBe(error);
  });
});
