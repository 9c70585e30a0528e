import { afterEach, expect, jest, test } from "@jest/globals";
import type { SQSRecord } from "aws-lambda";
import { RateLimitedError, TargetUnavailableError, TransientError } from "../errors.ts";
import { metrics } from "../observability.ts";
import { measureWait } from "./wait.ts";

const SENT_AT = 1_790_000_000_000;

afterEach(() => metrics.clearMetrics());

function measured(error: unknown, attributes: object = { SentTimestamp: String(SENT_AT) }): unknown {
  const printed = jest.spyOn(process.stdout, "write").mockImplementation(() => true);
  try {
    measureWait({ attributes } as SQSRecord, error, SENT_AT + 61_900);
    return metrics.hasStoredMetrics() ? metrics.serializeMetrics().OldestRetriedSeconds : undefined;
  } finally {
    printed.mockRestore();
  }
}

test.each([new TransientError("T", "down"), new TypeError("bug")])(
  "a wait for another try is measured: %s",
  (error) => {
    expect(measured(error)).toBe(61);
  },
);

test.each([
  new RateLimitedError("R", "slow", { retryAfterSeconds: 9 }),
  new TargetUnavailableError("U", "breaker open"),
  Object.assign(new TransientError("T", "still down"), { wasProbe: true }),
])("a wait for a target is not: %s", (error) => {
  expect(measured(error)).toBeUndefined();
});

test("a message that does not say when it was sent is left out", () => {
  expect(measured(new TypeError("bug"), {})).toBeUndefined();
});
