import { describe, expect, test } from "@jest/globals";
import {
  InvalidInputError,
  NotAuthorizedError,
  RateLimitedError,
  RejectedByTargetError,
  TargetUnavailableError,
  TransientError,
} from "#shared/errors.ts";
import { writeBackId } from "#shared/parked/state.ts";
import { version } from "#shared/testing/customers-table.ts";
import { ACCOUNT, OTHER_ACCOUNT } from "../testing.ts";
import { deliveries, failed, setUp, synced } from "./testing.ts";
import { writeOutcomes } from "./write-outcomes.ts";

const reserve = new TargetUnavailableError("API_RESERVE", "wait", { retryAfterSeconds: 3600 });
const limited = new RateLimitedError("HTTP_429", "wait", { retryAfterSeconds: 120 });
const down = new TransientError("HTTP_503", "down");
const refused = new NotAuthorizedError("invalid_client", "login refused");
const open = new TargetUnavailableError("BREAKER_OPEN", "no call was made", { retryAfterSeconds: 30 });
const final = new RejectedByTargetError("FIELD_CUSTOM_VALIDATION_EXCEPTION", "a rule says no");

/** Write-back of one event about an account that fails; `behindFor` seconds, or not stored at all. */
async function fail(error: Error, behindFor: number | undefined) {
  const { deps, marks } = setUp({ [ACCOUNT]: {} }, () => error);
  const since = new Date(deps.now() - (behindFor ?? 0) * 1000).toISOString();
  if (behindFor !== undefined) for (const about of [marks.since, marks.failing]) about.set(ACCOUNT, since);
  const failures = await writeOutcomes(deliveries(synced(1)), deps);
  return { failures, log: marks.log };
}

describe("a customer whose account was written to", () => {
  test.each([
    ["told", { [ACCOUNT]: {} }],
    ["gone", {}],
  ])("is in step with it: %s", async (_what, accounts) => {
    const { deps, marks } = setUp(accounts);
    await writeOutcomes(deliveries(synced(1), synced(2)), deps);
    expect(marks.log).toEqual([`${ACCOUNT} reached salesforce ${version(2)}`]);
  });

  test("is in step with what failed, too, but not when nobody knows the version", async () => {
    const { deps, marks } = setUp();
    await writeOutcomes(deliveries(failed(1)), deps);
    await writeOutcomes(deliveries(failed(2, { data: { version: "unknown" } })), deps);
    expect(marks.log).toEqual([`${ACCOUNT} reached salesforce ${version(1)}`]);
  });
});

describe("an account that could not be written to", () => {
  test.each([
    [down, "any"],
    [limited, 120],
    [reserve, 3600],
    [refused, "any"],
  ])("is tried again by itself after %p, and its message is done", async (error, seconds) => {
    const { failures, log } = await fail(error, 60);
    expect(failures).toEqual([]);
    const what = error === reserve ? "untried" : "failed";
    expect(log).toEqual([`${ACCOUNT} ${what} salesforce ${error.code} ${seconds}`]);
  });

  test("while its organisation is away costs nothing at all", async () => {
    expect(await fail(open, 60)).toEqual({ failures: [], log: [] });
  });

  test.each([down, limited, refused, open])(
    "of a customer that is not stored stays on the queue after %p",
    async (error) => {
      const { failures, log } = await fail(error, undefined);
      expect(failures).toMatchObject([{ error }]);
      expect(log).toEqual([]);
    },
  );

  test.each([undefined, 60])("for good is parked at once (behind for %p s)", async (behindFor) => {
    const { failures, log } = await fail(final, behindFor);
    expect(failures).toMatchObject([{ error: final }]);
    expect(log).toEqual([`${ACCOUNT} given up salesforce ${writeBackId(ACCOUNT, version(1))}`]);
  });

  test("for a day is parked, unless Salesforce asks for time or needs a person", async () => {
    const { failures, log } = await fail(down, 86_401);
    expect(failures).toMatchObject([{ error: { name: "RejectedByTargetError", code: "HTTP_503" } }]);
    expect(log.at(-1)).toBe(`${ACCOUNT} given up salesforce ${writeBackId(ACCOUNT, version(1))}`);
    const probe = Object.assign(new TransientError("HTTP_503", "still down"), { wasProbe: true });
    for (const error of [reserve, limited, refused, open, probe])
      expect((await fail(error, 4 * 86_400)).failures).toEqual([]);
  });

  test("for a day of which its organisation was away is tried again", async () => {
    const { deps, marks } = setUp({ [ACCOUNT]: {} }, () => down);
    const since = new Date(deps.now() - 2 * 86_400_000).toISOString();
    for (const about of [marks.since, marks.failing]) about.set(ACCOUNT, since);
    const away = { ...deps, awayUntil: async () => deps.now() - 3_600_000 };
    expect(await writeOutcomes(deliveries(synced(1)), away)).toEqual([]);
  });

  test("once, after days below the reserve, is tried again", async () => {
    const trouble: { error: Error } = { error: reserve };
    const { deps, marks } = setUp({ [ACCOUNT]: {} }, () => trouble.error);
    marks.since.set(ACCOUNT, new Date(deps.now() - 2 * 86_400_000).toISOString());
    expect(await writeOutcomes(deliveries(synced(1)), deps)).toEqual([]);
    trouble.error = new TransientError("UNABLE_TO_LOCK_ROW", "locked");
    expect(await writeOutcomes(deliveries(synced(1)), deps)).toEqual([]);
    expect(marks.log.filter((line) => line.includes("given up"))).toEqual([]);
  });

  test("leaves the others alone", async () => {
    const { deps, marks } = setUp({ [ACCOUNT]: {}, [OTHER_ACCOUNT]: {} }, (id) => (id === ACCOUNT ? down : undefined));
    marks.since.set(ACCOUNT, new Date(deps.now()).toISOString());
    await writeOutcomes(deliveries(synced(1), synced(1, { data: { customerId: OTHER_ACCOUNT } })), deps);
    expect(marks.log.toSorted()).toEqual(
      [`${ACCOUNT} failed salesforce HTTP_503 any`, `${OTHER_ACCOUNT} reached salesforce ${version(1)}`].toSorted(),
    );
  });

  test("that somebody keeps changing is parked, whatever the error's class", async () => {
    const { failures } = await fail(new InvalidInputError("OVERWRITTEN", "set back"), 60);
    expect(failures).toHaveLength(1);
  });
});
