import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, expect, test } from "@jest/globals";
import fc from "fast-check";
import type { Customer } from "#shared/contracts/customer.ts";
import { RateLimitedError, TransientError } from "#shared/errors.ts";
import { cause, newCustomer, version } from "#shared/testing/customers-table.ts";
import { startBilling } from "../../test/support/billing-bench.ts";
import { type Fate, SEARCH_LAG_MS } from "../../test/support/stripe-account.ts";
import type { Billing } from "./client.ts";
import { findDuplicates } from "./find-duplicates.ts";
import { makeBillingEqual } from "./make-billing-equal.ts";

/** One run: for the newest version or an older one; after so many calls to the store and to Stripe its process is killed. */
interface Run {
  readonly behind: number;
  readonly killedAfter: number | undefined;
}

/** What happens to the account: everything that a step holds happens at the same time. */
type Step =
  | { readonly do: "edit"; readonly name: string }
  | { readonly do: "delete" }
  | { readonly do: "bury" }
  | { readonly do: "wait"; readonly seconds: number }
  | {
      readonly do: "run";
      readonly runs: readonly Run[];
      readonly fates: readonly Fate[];
      /** How the first requests that write are answered while they run. */
      readonly error: keyof typeof ERRORS | undefined;
      /** Status of the page that comes instead of a lost answer. */
      readonly lostAs: number;
      /** Edits while the runs are under way. */
      readonly edits: readonly string[];
      /** Real milliseconds: before requests, answers and edits. */
      readonly delays: readonly number[];
    };

/** How Stripe answers: with a failure that it stores, or before it looks at the key, as limiters and what stands before it do. */
const ERRORS = {
  apiError: { error: "apiError" },
  apiErrorAfterEffect: { error: "apiErrorAfterEffect" },
  rateLimit: { error: "rateLimit" },
  lockTimeout: { error: "lockTimeout" },
  unauthorized: { status: 401 },
  forbidden: { status: 403 },
  refused: { status: 400, body: { error: { type: "invalid_request_error", message: "No." } } },
  unavailable: { status: 503 },
  timedOut: { status: 504 },
} as const;
const NAMES: Readonly<Record<string, string>> = {
  unauthorized: "NotAuthorizedError",
  forbidden: "NotAuthorizedError",
  refused: "RejectedByTargetError",
};

/** A request that was given up may arrive this late: shortly before nobody reckons with it any more. */
const LATEST_MS = 80_000;

const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant("edit" as const), name: fc.constantFrom("A", "B", "C") }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("delete" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("bury" as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("wait" as const),
      seconds: fc.constantFrom(1, 10, 40, 91, 1_000, 7_200, 90_000),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("run" as const),
      runs: fc.array(
        fc.record({
          behind: fc.nat({ max: 2 }),
          killedAfter: fc.option(fc.nat({ max: 9 }), { nil: undefined, freq: 2 }),
        }),
        { minLength: 1, maxLength: 3 },
      ),
      fates: fc.array(
        fc.oneof(
          { weight: 4, arbitrary: fc.constant("pass" as const) },
          { weight: 1, arbitrary: fc.constantFrom("loseAnswer" as const, "loseRequest" as const) },
          { weight: 1, arbitrary: fc.integer({ min: 1_000, max: LATEST_MS }) },
        ),
        { maxLength: 6 },
      ),
      edits: fc.array(fc.constantFrom("A", "B", "C"), { maxLength: 2 }),
      delays: fc.array(fc.nat({ max: 12 }), { minLength: 1, maxLength: 8 }),
      error: fc.option(fc.constantFrom(...(Object.keys(ERRORS) as (keyof typeof ERRORS)[])), {
        nil: undefined,
        freq: 2,
      }),
      lostAs: fc.constantFrom(200, 504),
    }),
  },
);

const { account, store, close } = await startBilling();
afterAll(close);

/** One account and what happens to it. */
class Story {
  readonly customer: Customer = newCustomer();
  name = "A";
  n = 0;
  #isBuried = false;

  async edit(name: string): Promise<void> {
    this.n += 1;
    this.name = name;
    await store.save({ ...this.customer, name }, version(this.n), cause());
  }

  /** A deletion in Stripe is noticed by the next change of what Stripe shows. */
  async editLast(name: string): Promise<void> {
    await this.edit(this.#isBuried ? "Last" : name);
  }

  async play(step: Step): Promise<void> {
    if (step.do === "edit") return this.edit(step.name);
    if (step.do === "wait") return account.advance(step.seconds * 1000);
    if (step.do === "run") return this.#run(step);
    if (step.do === "bury") return this.#bury();
    this.n += 1;
    await store.markDeleted(this.customer, version(this.n), cause());
  }

  /** Makes billing equal as the reconciler does: again and again, each time when it was told. */
  async bring(): Promise<void> {
    for (let tries = 0; tries < 12; tries += 1) {
      const failure = await this.#sync(this.n).then(
        () => undefined,
        (error: unknown) => error,
      );
      if (failure === undefined) return;
      if (failure instanceof RateLimitedError) await account.advance((failure.retryAfterSeconds ?? 1) * 1000);
      else if (!(failure instanceof TransientError)) throw failure;
    }
    throw new Error("billing never became equal");
  }

  async #run({ runs, fates, error, lostAs, edits, delays }: Extract<Step, { do: "run" }>): Promise<void> {
    const left = [...fates];
    let waits = 0;
    const delay = () => delays[waits++ % delays.length] ?? 0;
    account.delay = delay;
    account.lostAs = lostAs;
    account.fate = async (endpoint) => {
      await sleep(delay());
      return endpoint.startsWith("POST") ? (left.shift() ?? "pass") : "pass";
    };
    if (error) await account.fault({ method: "POST", path: "/v1/customers**", ...ERRORS[error] });
    const editing = edits.reduce(
      (before, name) => before.then(() => sleep(delay())).then(() => this.edit(name)),
      Promise.resolve(),
    );
    const failures = await Promise.all(
      runs.map(({ behind, killedAfter }) =>
        this.#sync(Math.max(1, this.n - behind), killedAfter).then(
          () => undefined,
          (failure: Error) => failure,
        ),
      ),
    );
    await editing;
    await account.clearFaults();
    // Nothing here is for a person to decide, but what Stripe was made to say.
    const expected = ["TransientError", "RateLimitedError", ...(error ? [NAMES[error] ?? ""] : [])];
    for (const failure of failures) if (failure) expect(expected).toContain(failure.name);
  }

  #sync(n: number, killedAfter = Number.POSITIVE_INFINITY): Promise<unknown> {
    const left = { calls: killedAfter };
    const deps = {
      billing: mortal<Billing>(account.billing, left),
      store: mortal(store, left),
      now: () => account.now,
    };
    return makeBillingEqual({ customerId: this.customer.customerId, version: version(n) }, deps);
  }

  /** A person deletes the oldest customer of the account in Stripe. */
  async #bury(): Promise<void> {
    this.#isBuried = true;
    const [found] = await account.customersOf(this.customer.customerId);
    if (found) await account.request("DELETE", `/v1/customers/${found.id}`);
  }
}

/** Real methods of a process that is killed: nothing that it would do afterwards happens. */
function mortal<T extends object>(real: T, left: { calls: number }): T {
  return new Proxy(real, {
    get(target, name) {
      const method = Reflect.get(target, name) as (...input: unknown[]) => Promise<unknown>;
      return async (...input: unknown[]) => {
        left.calls -= 1;
        if (left.calls < 0) throw new TransientError("KILLED", "killed");
        return method.apply(target, input);
      };
    },
  });
}

/** As when all is well, and as in an outage: no run may rely on search for what is open. */
const SEARCH_LAGS_MS = [SEARCH_LAG_MS, 12 * 3_600_000];

async function check(played: readonly Step[], last: string, searchLagMs: number): Promise<void> {
  const story = new Story();
  await account.searchLag(searchLagMs);
  await story.edit("A");
  for (const step of played) await story.play(step);
  await story.editLast(last);
  await story.bring();
  // What is still on its way arrives, and nobody looks after the customer any more.
  await account.advance(LATEST_MS);
  const customers = await account.customersOf(story.customer.customerId);
  const link = (await store.read(story.customer.customerId))?.links.stripe;
  expect(customers).toEqual([expect.objectContaining({ id: link?.id, name: story.name })]);
  expect(link?.version).toBe(version(story.n));
  const { duplicates } = await findDuplicates({ from: account.now - 1_000_000 }, { billing: account.billing, store });
  expect(duplicates.filter(({ customerId }) => customerId === story.customer.customerId)).toEqual([]);
}

test("however runs, crashes, lost answers, stored failures and deletions interleave: one live customer, linked, newest", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(steps, { minLength: 1, maxLength: 14 }),
      fc.constantFrom("A", "B", "C"),
      fc.constantFrom(...SEARCH_LAGS_MS),
      check,
    ),
    { numRuns: 50 },
  );
}, 300_000);

/** Tries one after the other while Stripe is out, with long waits between. */
const outage: fc.Arbitrary<Step[]> = fc
  .array(
    fc.record({
      fate: fc.constantFrom<Fate>("pass", "pass", "loseAnswer", LATEST_MS),
      error: fc.constantFrom(undefined, "apiError", "apiErrorAfterEffect", "unavailable", "rateLimit"),
      lostAs: fc.constantFrom(200, 504),
      seconds: fc.constantFrom(60, 91, 900, 1_800, 7_200),
    }),
    { minLength: 1, maxLength: 4 },
  )
  .map((tries) =>
    tries.flatMap(({ fate, error, lostAs, seconds }): Step[] => [
      {
        do: "run",
        runs: [{ behind: 0, killedAfter: undefined }],
        fates: [fate],
        error,
        lostAs,
        edits: [],
        delays: [0],
      },
      { do: "wait", seconds },
    ]),
  );

test("however long Stripe is out, and search with it: one live customer, linked, newest", async () => {
  await fc.assert(
    fc.asyncProperty(outage, fc.constantFrom("A", "B"), (tries, last) => check(tries, last, 12 * 3_600_000)),
    { numRuns: 40 },
  );
}, 300_000);
