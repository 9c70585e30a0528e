import { describe, expect, test } from "@jest/globals";
import { awsError } from "./aws-errors.ts";
import {
  ContractError,
  describeError,
  InvalidInputError,
  isRetryable,
  NotAuthorizedError,
  RateLimitedError,
  RejectedByTargetError,
  TransientError,
} from "./errors.ts";

describe("every error", () => {
  test.each([
    [TransientError, "TransientError", true],
    [RateLimitedError, "RateLimitedError", true],
    [InvalidInputError, "InvalidInputError", false],
    [RejectedByTargetError, "RejectedByTargetError", false],
    [NotAuthorizedError, "NotAuthorizedError", false],
    [ContractError, "ContractError", false],
  ])("%p has its literal name, and says whether it is retried", (Class, name, retryable) => {
    const cause = new Error("below");
    const error = new Class("CODE", "message", { cause });
    expect(error).toMatchObject({ name, retryable, code: "CODE", message: "message" });
    expect(error.cause).toMatchObject({ name: "Error", message: "its message is left out, as it may hold data" });
    expect(Class.name).toBe(name);
    expect(isRetryable(error)).toBe(retryable);
    expect(describeError(error)).toEqual({ name, message: "message" });
  });

  test("that is not ours may be a bad moment", () => {
    expect(isRetryable(new TypeError("x"))).toBe(true);
    expect(isRetryable("thrown text")).toBe(true);
    expect(describeError("thrown text")).toEqual({
      name: "Error",
      message: "its message is left out, as it may hold data",
    });
  });

  test("of a rate limit carries the wait", () => {
    expect(new RateLimitedError("c", "m", { retryAfterSeconds: 3 }).retryAfterSeconds).toBe(3);
    expect(new RateLimitedError("c", "m").retryAfterSeconds).toBeUndefined();
  });
});

// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
describe("awsError", () => {
  test.each([
    ["AccessDeniedException", "NotAuthorizedError"],
    ["UnrecognizedClientException", "NotAuthorizedError"],
    ["ValidationException", "InvalidInputError"],
    ["ResourceNotFoundException", "NotAuthorizedError"],
    ["ThrottlingException", "TransientError"],
    ["InternalServerError", "TransientError"],
    ["TimeoutError", "TransientError"],
  ])("%s is %s and says which call failed", (name, expected) => {
    const cause = Object.assign(new Error("because"), { name });
    expect(awsError(cause, "DynamoDB GetItem on customers")).toMatchObject({
      name: expected,
      code: name,
      cause: { name },
      message: `DynamoDB GetItem on customers failed: ${name}`,
    });
  });

  test("takes anything that was thrown", () => {
    expect(awsError("odd", "call")).toMatchObject({ name: "TransientError", message: "call failed: Error" });
  });
});
