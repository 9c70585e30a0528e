import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { isDenied } from "#shared/aws-errors.ts";
import { FleetError, RateLimitedError } from "#shared/errors.ts";
import { answerOf } from "#shared/targets/breaker.ts";
import { PUB_SUB_CODES, PUB_SUB_STATUSES, toFleetError as toPubSubError, toSchemaError } from "../catch-up/errors.ts";
import {
  CALL_ANSWERS,
  type CodeRow,
  type Meaning,
  RECORD_CAUSES,
  RECORD_CODES,
  TOKEN_ANSWERS,
} from "./answer-tables.ts";
import { isSessionExpired, problemsIn, RefusedAnswer, type Surface, toFleetError, toRecordError } from "./errors.ts";

const rows = [...CALL_ANSWERS.codes, ...TOKEN_ANSWERS.codes, ...RECORD_CODES];
const known = new Set(rows.flatMap(({ codes }) => codes));
const codes = fc.oneof(fc.constantFrom(...known), fc.string(), fc.stringMatching(/^[A-Z]{3,12}(_[A-Z]{2,9}){0,3}$/));
const surfaces = fc.constantFrom<Surface>("call", "token");
const problems = fc.array(fc.record({ code: codes, message: fc.string() }), { maxLength: 3 });

/** Whether a table knows a code, and that it is final. */
function isFinal(surface: Surface, code: string): boolean {
  const table = surface === "call" ? CALL_ANSWERS : TOKEN_ANSWERS;
  const row = table.codes.find((one) => one.codes.includes(code));
  return row !== undefined && row.means in FINAL;
}

/**
 * What is final is one of three: of the login as a whole, which opens the organisation's breaker; a permission, for which
 * the work waits while other calls go on; or a matter of this one call.
 */
const FINAL: Partial<Record<Meaning, object>> = {
  login: { name: "NotAuthorizedError", breaker: "refused", waits: true },
  permission: { name: "NotAuthorizedError", breaker: "answered", waits: true },
  refused: { name: "RejectedByTargetError", breaker: "answered", waits: false },
};

function kindOf(error: FleetError) {
  return { name: error.name, breaker: answerOf(error).kind, waits: error.retryable || isDenied(error) };
}

describe("every answer is classified", () => {
  test("whatever the status, the codes and the wait are", () => {
    const waits = fc.option(fc.integer({ min: 1, max: 100_000 }), { nil: undefined });
    fc.assert(
      fc.property(surfaces, fc.integer({ min: 200, max: 999 }), problems, waits, (surface, status, some, wait) => {
        const answer = new RefusedAnswer(surface, status, { problems: some, retryAfterSeconds: wait });
        const error = toFleetError(answer);
        expect(error).toBeInstanceOf(FleetError);
        const passes = status < 400 || status >= 500 || [401, 408, 420, 425, 429].includes(status);
        if (wait !== undefined) expect(error).toMatchObject({ name: "RateLimitedError", retryAfterSeconds: wait });
        else if (status >= 300 && status < 600 && passes && !(surface === "token" && status === 401))
          expect(error.retryable).toBe(true);
        else if (!answer.problems.some(({ code }) => isFinal(surface, code))) expect(error.retryable).toBe(true);
        else expect(Object.values(FINAL)).toContainEqual(kindOf(error));
        expect(isSessionExpired(answer) && surface === "token").toBe(false);
      }),
      { numRuns: 2_000 },
    );
  });

  test("whatever is thrown, and whatever a body holds", () => {
    fc.assert(
      fc.property(fc.anything({ withNullPrototype: true }), (thing) => {
        expect(toFleetError(thing)).toBeInstanceOf(FleetError);
        expect(Array.isArray(problemsIn(thing))).toBe(true);
      }),
    );
  });

  test("of a record: one that is not known to pass is a person's matter", () => {
    fc.assert(
      fc.property(fc.array(fc.record({ statusCode: codes, message: fc.string() }), { maxLength: 3 }), (errors) => {
        const error = toRecordError("Account", "001", errors);
        const passing = new Set(
          RECORD_CODES.flatMap((row) => (["retry", "limit"].includes(row.means) ? row.codes : [])),
        );
        const passes = ({ statusCode, message }: { statusCode: string; message: string }) =>
          passing.has(statusCode) || RECORD_CAUSES.some(({ words }) => words.test(message));
        expect(error.retryable).toBe(errors.length > 0 && errors.every(passes));
        if (!error.retryable) expect(error).not.toBeInstanceOf(RateLimitedError);
      }),
    );
  });
});

describe("every code that is final says whether it stops the organisation, waits for a permission, or is of its call", () => {
  const finalOf = (rows: readonly CodeRow[]) =>
    rows.flatMap(({ codes, means }) => (means in FINAL ? codes.map((code) => [code, means] as const) : []));
  const throwing = (surface: Surface, code: string) =>
    kindOf(toFleetError(new RefusedAnswer(surface, 403, { problems: [{ code, message: "" }] })));

  test.each(finalOf(CALL_ANSWERS.codes))("of a call: %s is %s", (code, means) => {
    expect(throwing("call", code)).toEqual(FINAL[means]);
  });

  test.each(finalOf(TOKEN_ANSWERS.codes))("of a login: %s is %s", (code) => {
    expect(throwing("token", code)).toEqual(FINAL.login);
  });

  test.each(finalOf(RECORD_CODES))("of a record: %s is %s", (statusCode, means) => {
    expect(kindOf(toRecordError("Account", "001", [{ statusCode, message: "" }]))).toEqual(FINAL[means]);
  });
});

test("every error of the Pub/Sub API is classified, whatever its status and code are", () => {
  const all = [...PUB_SUB_CODES, ...PUB_SUB_STATUSES];
  const code = fc.oneof(fc.constantFrom(...all.flatMap((row) => row.codes)), fc.string());
  fc.assert(
    fc.property(fc.integer({ min: -1, max: 30 }), code, (status, errorCode) => {
      const metadata = { get: () => [`sfdc.platform.eventbus.grpc.${errorCode}`] };
      const thrown = { code: status, details: "refused", metadata };
      const error = toPubSubError(thrown, "Subscribe");
      expect(error).toBeInstanceOf(FleetError);
      const row = PUB_SUB_CODES.find(({ codes }) => codes.includes(errorCode));
      if (row && row.means in FINAL) expect(kindOf(error)).toEqual(FINAL[row.means]);
      else expect(error.retryable).toBe(true);
      expect(toSchemaError(thrown, "GetSchema")).toBeInstanceOf(FleetError);
    }),
  );
});

test("every row of the tables names where it comes from, and no table knows a code twice", () => {
  const sources = [
    ...rows,
    ...PUB_SUB_CODES,
    ...PUB_SUB_STATUSES,
    ...CALL_ANSWERS.statuses,
    ...TOKEN_ANSWERS.statuses,
    ...RECORD_CAUSES,
  ];
  for (const { source } of sources) expect(() => new URL(source)).not.toThrow();
  for (const table of [CALL_ANSWERS.codes, TOKEN_ANSWERS.codes, RECORD_CODES, PUB_SUB_CODES]) {
    const all = table.flatMap((row) => row.codes);
    expect(all.toSorted()).toEqual([...new Set(all)].toSorted());
  }
});
