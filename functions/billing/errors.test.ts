import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { FleetError } from "#shared/errors.ts";
import { errorOf, FINAL_CODES, judge, type Meaning, ROWS, StripeAnswer, verdictOf } from "./errors.ts";

/** Every status that Stripe documents, and others that stand between it and us. */
const STATUSES = [200, 201, 301, 302, 304, 307, 400, 401, 402, 403, 404, 405, 408, 409, 410, 413, 415, 418, 422];
STATUSES.push(424, 425, 429, 431, 451, 499, 500, 501, 502, 503, 504, 520, 524, 529, 599);
const TYPES = [undefined, "api_error", "card_error", "idempotency_error", "invalid_request_error", "brand_new_error"];
const CODES = [undefined, ...FINAL_CODES, "rate_limit", "lock_timeout", "idempotency_key_in_use", "api_key_expired"];
CODES.push("terminal_reader_busy", "brand_new_code");

const answers = fc.record({
  status: fc.option(fc.oneof(fc.constantFrom(...STATUSES), fc.integer({ min: 100, max: 599 })), { nil: undefined }),
  type: fc.constantFrom(...TYPES),
  code: fc.constantFrom(...CODES),
  retryAfterSeconds: fc.option(fc.double({ min: 0.001, max: 1e6, noNaN: true }), { nil: undefined }),
  shouldRetry: fc.constantFrom(undefined, true, false),
  isReplayed: fc.boolean(),
});
const plain = answers.map((answer) => ({ ...answer, retryAfterSeconds: undefined, isReplayed: false }));

describe("every answer is classified", () => {
  test("as one of our errors that keeps what it means", () => {
    fc.assert(
      fc.property(answers, (answer) => {
        const error = errorOf(new StripeAnswer(answer));
        expect(error).toBeInstanceOf(FleetError);
        expect(verdictOf(error)).toMatchObject(judge(new StripeAnswer(answer)));
        expect(error.code).not.toBe("");
      }),
    );
  });

  test("a time that is named is kept exactly, whatever the status", () => {
    fc.assert(
      fc.property(answers, fc.double({ min: 0.001, max: 1e6, noNaN: true }), (answer, retryAfterSeconds) => {
        const error = errorOf(new StripeAnswer({ ...answer, retryAfterSeconds }));
        expect(error).toMatchObject({ name: "RateLimitedError", retryAfterSeconds });
      }),
    );
  });

  test("status first: what may pass is retried whatever type and code say", () => {
    const passing = fc.constantFrom(undefined, 200, 302, 408, 409, 425, 429, 500, 502, 503, 504, 529);
    fc.assert(
      fc.property(plain, passing, (answer, status) => {
        // That the key is the wrong one is said with any status, and nothing but a person helps.
        fc.pre(answer.code !== "api_key_expired");
        expect(errorOf(new StripeAnswer({ ...answer, status })).retryable).toBe(true);
      }),
    );
  });

  test("a refused key is no record's fault, whatever type and code say", () => {
    fc.assert(
      fc.property(plain, fc.constantFrom(401, 403), (answer, status) => {
        expect(errorOf(new StripeAnswer({ ...answer, status })).name).toBe("NotAuthorizedError");
      }),
    );
  });

  test("only what is known to be final is refused; an unknown code is retried", () => {
    fc.assert(
      fc.property(plain, (answer) => {
        if (judge(new StripeAnswer(answer)).meaning !== "refused") return;
        expect(FINAL_CODES.has(answer.code ?? "") || answer.code === undefined).toBe(true);
        expect([400, 402, 404]).toContain(answer.status);
      }),
    );
  });

  test("nothing final was carried out", () => {
    fc.assert(
      fc.property(answers, (answer) => {
        const { meaning, effect } = judge(new StripeAnswer(answer));
        if (meaning === "refused" || meaning === "notAuthorized") expect(effect).toBe("none");
        if (answer.status === undefined || answer.status < 400) expect(effect).toBe("unknown");
      }),
    );
  });
});

test.each<[Partial<StripeAnswer>, Meaning, "none" | "unknown"]>([
  [{ status: 429, code: "rate_limit" }, "slowDown", "none"],
  [{ status: 429, type: "invalid_request_error", code: "lock_timeout" }, "retry", "none"],
  [{ status: 409, type: "idempotency_error", code: "idempotency_key_in_use" }, "retry", "unknown"],
  [{ status: 400, type: "idempotency_error" }, "keySpent", "unknown"],
  [{ status: 500, type: "api_error" }, "retry", "unknown"],
  [{ status: 500, type: "api_error", isReplayed: true }, "keySpent", "unknown"],
  [{ status: 500, type: "api_error", shouldRetry: false }, "keySpent", "unknown"],
  [{ status: 402, type: "card_error", isReplayed: true }, "keySpent", "none"],
  [{ status: 400, type: "invalid_request_error" }, "refused", "none"],
  [{ status: 400, type: "invalid_request_error", code: "email_invalid", shouldRetry: true }, "retry", "unknown"],
  [{ status: 400, type: "invalid_request_error", code: "brand_new_code" }, "retry", "unknown"],
  [{ status: 400, type: "invalid_request_error", code: "brand_new_code", shouldRetry: false }, "keySpent", "unknown"],
  [{ status: 409, type: "invalid_request_error", shouldRetry: false }, "keySpent", "unknown"],
  [{ status: 400, type: "invalid_request_error", code: "email_invalid", shouldRetry: false }, "refused", "none"],
  [{ status: 404, type: "invalid_request_error", code: "resource_missing" }, "refused", "none"],
  [{ status: 400, type: "invalid_request_error", code: "livemode_mismatch" }, "notAuthorized", "none"],
  [{ status: 403, type: "invalid_request_error" }, "notAuthorized", "none"],
  [{ status: 302 }, "retry", "unknown"],
  [{ status: 200, type: "unreadable_answer" }, "retry", "unknown"],
  [{}, "retry", "unknown"],
])("%j means %s, with effect %s", (answer, meaning, effect) => {
  expect(judge(new StripeAnswer(answer))).toMatchObject({ meaning, effect });
});

test("every row names its documentation", () => {
  for (const { link } of ROWS) expect(link).toMatch(/^https:\/\/(docs\.stripe\.com|www\.rfc-editor\.org)\//);
});
