import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  ContractError,
  InvalidInputError,
  NotAuthorizedError,
  RateLimitedError,
  RejectedByTargetError,
  TargetUnavailableError,
  TransientError,
} from "../errors.ts";
import {
  type Answer,
  afterCall,
  answerOf,
  type Breaker,
  claimProbe,
  closeIdle,
  type Ended,
  isTroubled,
  told,
  untold,
  waitOf,
} from "./breaker.ts";

const NOW = Date.parse("2026-01-01T00:00:00Z");
const SECOND = 1000;
const HOUR = 3_600 * SECOND;
/** Calls that open a breaker. */
const failing = ["a", "b", "c", "d", "e"].map((subject) => [subject, { kind: "failed", code: "api_error" }] as const);
const failed: Answer = { kind: "failed", code: "api_error" };
const answered: Answer = { kind: "answered" };
const refused: Answer = { kind: "refused", code: "invalid_api_key" };
const askedToWait = (seconds: number): Answer => ({
  kind: "asked-to-wait",
  code: "rate_limit",
  waitMs: seconds * 1000,
});

/** The breaker after these calls, a second apart; `[subject, answer]`. */
function breakerAfter(calls: readonly (readonly [string, Answer])[], breaker: Breaker = {}, from = NOW): Breaker {
  return calls.reduce((state, [subject, answer], n) => end(state, { subject, answer }, from + n * SECOND), breaker);
}

function end(breaker: Breaker, ended: Partial<Ended> & { answer: Answer }, at: number): Breaker {
  return afterCall(breaker, { subject: "a", startedAt: at, ...ended }, at) ?? breaker;
}

/** The breaker after a probe with this answer, made as soon as it is allowed; and the moment of it. */
function probed(breaker: Breaker, answer: Answer): { breaker: Breaker; at: number } {
  const at = breaker.open ? NOW + waitOf(breaker.open, NOW) : NOW;
  const claimed = claimProbe(breaker, "p", 30_000, at) ?? breaker;
  return { breaker: end(claimed, { answer, probeId: "p" }, at), at };
}

function waits(answer: Answer, count: number, breaker: Breaker): number[] {
  let state = breaker;
  return Array.from({ length: count }, () => {
    const next = probed(state, answer);
    state = next.breaker;
    return state.open ? (state.open.until - next.at) / SECOND : 0;
  });
}

describe("what the end of a call says of the target", () => {
  const options = { retryAfterSeconds: 40 };
  test.each<[string, unknown, Answer]>([
    ["success", undefined, answered],
    ["a named wait", new RateLimitedError("rate_limit", "", options), askedToWait(40)],
    ["a named wait of nothing", new RateLimitedError("rate_limit", "", { retryAfterSeconds: 0 }), askedToWait(0)],
    ["a busy target", new RateLimitedError("api_error", ""), failed],
    ["a failure that may pass", new TransientError("api_error", ""), failed],
    ["a refused key", new NotAuthorizedError("invalid_api_key", ""), refused],
    ["a refused record", new RejectedByTargetError("x", ""), answered],
    ["wrong input", new InvalidInputError("x", ""), answered],
    ["an answer of another shape", new ContractError("x", ""), answered],
    ["no call", new TargetUnavailableError("x", ""), { kind: "nothing" }],
    ["a failure of our code", new TypeError("x"), { kind: "nothing" }],
  ])("%s", (_, error, answer) => {
    expect(answerOf(error)).toEqual(answer);
  });
});

describe("opens", () => {
  const three = ["a", "b", "c", "a", "b"].map((subject): [string, Answer] => [subject, failed]);

  test("when most of at least five calls for at least three customers fail within a minute", () => {
    expect(breakerAfter(three.slice(0, 4)).open).toBeUndefined();
    expect(breakerAfter(three).open).toMatchObject({ reason: "failing", code: "api_error", since: NOW + 4 * SECOND });
  });

  test.each<[string, (readonly [string, Answer])[]]>([
    ["two customers", Array.from({ length: 60 }, (_, n) => [n % 2 ? "a" : "b", failed])],
    ["twice as many successes", Array.from({ length: 60 }, (_, n) => [`${n}`, n % 3 ? answered : failed])],
    ["refused records", Array.from({ length: 60 }, (_, n) => [`${n}`, answered])],
    ["calls not made", Array.from({ length: 60 }, (_, n) => [`${n}`, { kind: "nothing" }])],
  ])("not for %s", (_, calls) => {
    expect(breakerAfter(calls).open).toBeUndefined();
  });

  test("not for failures more than a minute apart", () => {
    const first = breakerAfter(three.slice(0, 4));
    expect(breakerAfter([["c", failed]], first, NOW + 61 * SECOND).open).toBeUndefined();
  });

  test("never for one customer, whatever the others do without failing", () => {
    const call = fc.tuple(fc.constantFrom("a", "b", "c"), fc.nat({ max: 20_000 }), fc.boolean());
    fc.assert(
      fc.property(fc.array(call, { maxLength: 200 }), (calls) => {
        let [state, at]: [Breaker, number] = [{}, NOW];
        for (const [subject, gap, fails] of calls) {
          at += gap;
          state = end(state, { subject, answer: fails && subject === "a" ? failed : answered }, at);
          expect(state.open).toBeUndefined();
        }
      }),
    );
  });

  test("at once for a named wait, until exactly then, and for a refused key", () => {
    expect(breakerAfter([["a", askedToWait(40)]]).open).toMatchObject({
      reason: "asked-to-wait",
      until: NOW + 40 * SECOND,
    });
    expect(breakerAfter([["a", refused]]).open).toMatchObject({ reason: "refused", until: NOW + 60 * SECOND });
  });

  test("again as the same outage when the target fails soon after it recovered", () => {
    const { breaker, at } = probed(breakerAfter([["a", askedToWait(40)]]), answered);
    const soon = end(breaker, { answer: askedToWait(10) }, at + 60 * SECOND);
    expect(soon.open).toMatchObject({ since: NOW, until: at + 70 * SECOND });
    const late = end(breaker, { answer: askedToWait(10) }, at + 180 * SECOND);
    expect(late.open?.since).toBe(at + 180 * SECOND);
    const ended = told(breaker, "ended", NOW, at) ?? {};
    expect(end(ended, { answer: askedToWait(10) }, at + SECOND).open?.since).toBe(at + SECOND);
  });
});

describe("counts successes", () => {
  test("only in troubled times, and keeps few of them", () => {
    expect(afterCall({}, { answer: answered, subject: "a", startedAt: NOW }, NOW)).toBeUndefined();
    const troubled = breakerAfter([["a", failed]]);
    expect(isTroubled(troubled, NOW + 59 * SECOND)).toBe(true);
    expect(isTroubled(troubled, NOW + 60 * SECOND)).toBe(false);
    const many = Array.from({ length: 500 }, (_, n): [string, Answer] => [`${n % 9}`, n % 3 ? answered : failed]);
    expect(breakerAfter(many).recent?.length).toBe(50);
  });
});

describe("while open", () => {
  const open = breakerAfter([["a", askedToWait(40)]]);

  test("a late answer does not close it or shorten the wait, but a longer wait is kept", () => {
    const late = { subject: "b", startedAt: NOW - SECOND };
    for (const answer of [answered, failed, askedToWait(5)])
      expect(afterCall(open, { ...late, answer }, NOW + SECOND)).toBeUndefined();
    expect(end(open, { answer: askedToWait(120) }, NOW + SECOND).open?.until).toBe(NOW + 121 * SECOND);
  });

  test("a late refusal needs a person, and keeps the named wait", () => {
    const long = breakerAfter([["a", askedToWait(400)]]);
    expect(end(long, { answer: refused }, NOW + SECOND).open).toMatchObject({
      reason: "refused",
      until: NOW + 400 * SECOND,
    });
    const toldOf = { open: { ...open.open, toldAt: NOW } } as typeof open;
    // Those who were told that nothing is to be done are told anew.
    expect(end(toldOf, { answer: refused }, NOW + SECOND).open?.toldAt).toBeUndefined();
    expect(end(toldOf, { answer: failed }, NOW + SECOND).open?.toldAt).toBe(NOW);
    expect(end(open, { answer: refused }, NOW + SECOND).open?.until).toBe(NOW + 61 * SECOND);
  });

  test("one may probe when the wait is over, and another only when the first one's lease is", () => {
    expect(claimProbe(open, "p", 30_000, NOW + 39 * SECOND)).toBeUndefined();
    const claimed = claimProbe(open, "p", 30_000, NOW + 40 * SECOND) ?? {};
    expect(claimed.open?.probe).toEqual({ id: "p", until: NOW + 70 * SECOND });
    expect(claimProbe(claimed, "q", 30_000, NOW + 69 * SECOND)).toBeUndefined();
    expect(claimProbe(claimed, "q", 30_000, NOW + 70 * SECOND)?.open?.probe?.id).toBe("q");
  });

  test("a probe that was overtaken by a named wait no longer closes, and still keeps others away", () => {
    const claimed = claimProbe(open, "p", 30_000, NOW + 40 * SECOND) ?? {};
    const renewed = end(claimed, { answer: askedToWait(10) }, NOW + 41 * SECOND);
    expect(end(renewed, { answer: answered, probeId: "p" }, NOW + 42 * SECOND)).toBe(renewed);
    expect(claimProbe(renewed, "q", 30_000, NOW + 52 * SECOND)).toBeUndefined();
    expect(claimProbe(renewed, "q", 30_000, NOW + 70 * SECOND)).toBeDefined();
  });
});

describe("a probe", () => {
  const down = breakerAfter(failing);

  test("closes when the target answers, even with a refusal of the record", () => {
    const { breaker, at } = probed(breakerAfter([["a", refused]]), answered);
    expect(breaker).toEqual({
      closed: { since: NOW, reason: "refused", code: "invalid_api_key", delayMs: 60_000, at },
    });
  });

  test("that fails makes the next wait longer, up to a limit", () => {
    expect(waits(failed, 6, down)).toEqual([10, 20, 40, 60, 60, 60]);
    expect(waits(refused, 4, breakerAfter([["a", refused]]))).toEqual([120, 240, 300, 300]);
    expect(waits(askedToWait(7), 2, down)).toEqual([7, 7]);
    expect(waits(failed, 2, breakerAfter([["a", refused]]))).toEqual([5, 10]);
  });

  test("that made no call leaves the probe to the next", () => {
    const { breaker, at } = probed(down, { kind: "nothing" });
    expect(breaker.open?.probe).toBeUndefined();
    expect(claimProbe(breaker, "q", 30_000, at)).toBeDefined();
  });

  test("outdates what was sent before it: only a named wait counts", () => {
    const { breaker, at } = probed(breakerAfter([["a", refused]]), answered);
    const early = { subject: "b", startedAt: at - 1 };
    for (const answer of [refused, failed])
      expect(afterCall(breaker, { ...early, answer }, at + SECOND)).toBeUndefined();
    expect(afterCall(breaker, { ...early, answer: askedToWait(9) }, at + SECOND)?.open).toBeDefined();
    expect(afterCall(breaker, { ...early, startedAt: at, answer: refused }, at + SECOND)?.open).toBeDefined();
  });
});

describe("what readers note", () => {
  const open = breakerAfter([["a", askedToWait(40)]]);

  test("each thing once, and only of the outage it is about", () => {
    const begun = told(open, "began", NOW, NOW + SECOND) ?? {};
    expect(begun.open?.toldAt).toBe(NOW + SECOND);
    expect(told(begun, "began", NOW, NOW)).toBeUndefined();
    expect(told(open, "began", NOW - 1, NOW)).toBeUndefined();
    expect(told(open, "ended", NOW, NOW)).toBeUndefined();
    const { breaker } = probed(begun, answered);
    expect(breaker.closed?.toldAt).toBe(NOW + SECOND);
    const ended = told(breaker, "ended", NOW, NOW) ?? {};
    expect(told(ended, "ended", NOW, NOW)).toBeUndefined();
  });

  test("is taken back when it did not reach anybody", () => {
    const begun = told(open, "began", NOW, NOW) ?? {};
    expect(untold(begun, "began", NOW)).toEqual(open);
    expect(untold(begun, "began", NOW - 1)).toBeUndefined();
    const { breaker } = probed(begun, answered);
    expect(untold(breaker, "began", NOW)?.closed?.toldAt).toBeUndefined();
    expect(untold(told(breaker, "ended", NOW, NOW) ?? {}, "ended", NOW)).toEqual(breaker);
  });

  test("an outage that nobody feels any more ends two hours after its wait", () => {
    const end = NOW + 40 * SECOND + 2 * HOUR;
    expect(closeIdle(open, end - 1)).toBeUndefined();
    expect(closeIdle(open, end)?.closed).toMatchObject({ since: NOW, at: end });
    expect(closeIdle(open, end)?.closed?.endToldAt).toBeUndefined();
    expect(closeIdle({}, NOW)).toBeUndefined();
  });

  test("a refusal that nobody feels any more is forgotten after two weeks, and nobody is told that it ended", () => {
    const refusal = breakerAfter([["a", refused]]);
    const end = NOW + 60 * SECOND + 14 * 24 * HOUR;
    expect(closeIdle(refusal, end - 1)).toBeUndefined();
    const { closed } = closeIdle(refusal, end) ?? {};
    expect(closed).toMatchObject({ since: NOW, reason: "refused", at: end, endToldAt: end });
  });

  test.each([refused, failed])("an outage that only a few old messages probe every hour stays one: %j", (answer) => {
    let breaker = breakerAfter(answer === refused ? [["a", refused]] : failing);
    const since = breaker.open?.since;
    for (let minute = 1; minute <= 5 * 24 * 60; minute += 1) {
      const at = NOW + minute * 60 * SECOND;
      breaker = closeIdle(breaker, at) ?? breaker;
      expect(breaker.open?.since).toBe(since);
      if (minute % 61 > 0) continue;
      const claimed = claimProbe(breaker, "p", 30_000, at);
      breaker = end(claimed ?? breaker, { answer, probeId: "p" }, at);
    }
  });
});
