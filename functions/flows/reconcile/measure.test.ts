import { expect, test } from "@jest/globals";
import type { BehindCustomer } from "#shared/behind/behind-index.ts";
import { keysOf, type Mark } from "#shared/behind/marks.ts";
import type { BreakerState } from "#shared/targets/breakers.ts";
import { measure } from "./measure.ts";

const NOW = Date.parse("2026-01-01T10:00:00.000Z");
const ago = (seconds: number) => new Date(NOW - seconds * 1000).toISOString();

/** A customer behind billing since so many seconds, whose next try is so many seconds ago. */
function waiting(since: number, nextTry: number, more: Partial<Mark> = {}): BehindCustomer {
  const mark = { since: ago(since), markedAt: ago(since), tries: 0, ...more };
  const about = { customerId: "001000000000001AAA", orgId: "00D000000000001EAA", target: "billing" as const };
  return { ...about, version: "", nextTryAt: ago(nextTry), mark };
}

function breaker(target: string, needsPerson = false): BreakerState {
  const about = { key: target, target, endpoint: "one", since: ago(60), reason: "failing" as const, code: "down" };
  return { ...about, state: "open", needsPerson };
}

const nobody = { count: 0, first: [], keys: [] };
const measured = (customers: readonly BehindCustomer[], breakers: readonly BreakerState[] = []) => {
  const billing = { count: customers.length, first: customers, keys: keysOf("billing").slice(0, 1) };
  return measure(breakers, { billing, salesforce: nobody }, NOW);
};

const error = { name: "E", code: "e", message: "later" };

test.each<[string, BehindCustomer[], number]>([
  ["nobody", [], 0],
  ["who is merely on its way", [waiting(170, -10), waiting(3_000, -20_000)], 0],
  ["whose run was lost", [waiting(1_000, 820)], 1_000],
  ["who failed", [waiting(40, -20, { tries: 1, error }), waiting(500, -900, { tries: 4, error })], 500],
  ["who waits without a try", [waiting(500, -900, { error })], 500],
  ["who was taken up", [waiting(400, -800, { markedAt: ago(100) })], 400],
])("the one that waits longest is %s", (_what, customers, seconds) => {
  const [billing] = measured(customers);
  expect(billing).toEqual({
    target: "billing",
    BreakerOpen: 0,
    TargetRefusesKey: 0,
    CustomersBehind: customers.length,
    OldestBehindSeconds: seconds,
  });
});

test("says which targets are down, and which refuse the key: one alarm for each of them", () => {
  const all = measured([], [breaker("billing", true), breaker("slack")]);
  expect(all.map(({ target, BreakerOpen, TargetRefusesKey }) => [target, BreakerOpen, TargetRefusesKey])).toEqual([
    ["billing", 0, 1],
    ["salesforce", 0, 0],
    ["slack", 1, 0],
  ]);
});
