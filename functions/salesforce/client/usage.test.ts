import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { ACCOUNT, ORG } from "../testing.ts";
import { type Api, clientBy, connectionOf, limitInfo, problem, startOrg } from "./testing.ts";
import type { ApiUsage } from "./types.ts";
import { isBelowReserve } from "./usage.ts";

const limits = (used: number, max: number) => ({
  headers: limitInfo(used, max),
  body: { DailyApiRequests: { Max: max, Remaining: max - used } },
});

/** An organisation whose every answer tells `used` of 1,000 calls. */
async function backgroundOf(used: () => number, secret: Record<string, unknown> = {}, api?: Api) {
  const server = await startOrg((request, call) =>
    request.url.endsWith("/limits") && !api ? limits(used(), 1_000) : (api?.(request, call) ?? calm(used())),
  );
  const clock = { now: 1_000_000 };
  const connect = async () => connectionOf(server.url, secret);
  const salesforce = clientBy(connect, { priority: "background", now: () => clock.now });
  const read = () => salesforce.readRecords("Account", [ACCOUNT], ["Id"]);
  return { server, clock, salesforce, read, asked: () => server.calls().map(({ url }) => url.split("/").at(-1)) };
}

const calm = (used: number) => ({ headers: limitInfo(used, 1_000), body: [null] });

describe("readUsage", () => {
  test("tells what is used, what there is and when that was true", async () => {
    await using server = await startOrg(() => limits(18, 15_000));
    const salesforce = clientBy(async () => connectionOf(server.url), { now: () => 7 });
    expect(await salesforce.readUsage()).toEqual({ used: 18, max: 15_000, observedAt: 7 });
  });

  test.each([{}, { DailyApiRequests: {} }])("refuses %j", async (body) => {
    await using server = await startOrg(() => ({ body }));
    const salesforce = clientBy(async () => connectionOf(server.url));
    await expect(salesforce.readUsage()).rejects.toMatchObject({ name: "ContractError" });
  });

  test("every answer tells the usage: also a refusal, also a bulk page", async () => {
    const seen: ApiUsage[] = [];
    await using server = await startOrg((_, call) =>
      call === 1
        ? { ...problem(400, "INVALID_FIELD"), headers: limitInfo(1, 10) }
        : { headers: { ...limitInfo(2, 10), "sforce-locator": "null", "sforce-numberofrecords": "0" }, body: '"Id"\n' },
    );
    const salesforce = clientBy(async () => connectionOf(server.url), { onUsage: (usage) => seen.push(usage) });
    await expect(salesforce.describe("Account")).rejects.toMatchObject({ code: "INVALID_FIELD" });
    await salesforce.bulk.readPage("750", { maxRecords: 1 });
    expect(seen.map(({ used, max }) => [used, max])).toEqual([
      [1, 10],
      [2, 10],
    ]);
  });
});

describe("the reserve", () => {
  test("background work asks for the usage once, then goes by what its own answers tell", async () => {
    const { server, clock, read, asked } = await backgroundOf(() => 800);
    await using _ = server;
    await Promise.all([read(), read()]);
    clock.now += 59_000;
    await read();
    expect(asked()).toEqual(["limits", "Account", "Account", "Account"]);
    clock.now += 61_000;
    await read();
    expect(asked().slice(4)).toEqual(["limits", "Account"]);
  });

  test("background work waits below it, and costs one call a minute meanwhile", async () => {
    let used = 801;
    const { server, clock, read, salesforce, asked } = await backgroundOf(() => used);
    await using _ = server;
    const error = await read().catch((failure) => failure);
    expect(error).toMatchObject({ name: "TargetUnavailableError", code: "API_RESERVE", retryAfterSeconds: 3_600 });
    expect(error.message).toMatch(new RegExp(`${ORG} has used 801 of its 1000 .* last 200 are kept`));
    await expect(read()).rejects.toMatchObject({ code: "API_RESERVE" });
    await expect(salesforce.bulk.createQuery("SELECT Id FROM Account")).rejects.toMatchObject({ code: "API_RESERVE" });
    expect(await salesforce.updateRecords("Account", [{ Id: ACCOUNT }])).toMatchObject([
      { id: ACCOUNT, error: { code: "API_RESERVE" } },
    ]);
    expect(asked()).toEqual(["limits"]);
    clock.now += 61_000;
    used = 10;
    expect(await read()).toEqual(new Map());
  });

  test.each([
    [0, 1_000, true],
    [0.5, 501, false],
    [0.5, 500, true],
    [1, 1, false],
  ])("with apiReserve %d and %d of 1000 used, background work may go: %s", async (apiReserve, used, may) => {
    const { server, read } = await backgroundOf(() => used, { apiReserve });
    await using _ = server;
    expect(
      await read().then(
        () => true,
        () => false,
      ),
    ).toBe(may);
  });

  test("a user who may not see the limits is told so, unless the refusal itself tells the usage", async () => {
    const refusal = problem(403, "INSUFFICIENT_ACCESS");
    const blind = await backgroundOf(
      () => 1,
      {},
      () => refusal,
    );
    await using _ = blind.server;
    await expect(blind.read()).rejects.toMatchObject({ name: "NotAuthorizedError" });
    const told = await backgroundOf(
      () => 1,
      {},
      ({ url }) => (url.endsWith("/limits") ? { ...refusal, headers: limitInfo(1, 1_000) } : calm(1)),
    );
    await using __ = told.server;
    expect(await told.read()).toEqual(new Map());
  });

  test("live work never waits and never asks", async () => {
    await using server = await startOrg(() => ({ headers: limitInfo(999, 1_000), body: [null] }));
    const live = clientBy(async () => connectionOf(server.url));
    await live.readRecords("Account", [ACCOUNT], ["Id"]);
    await live.readRecords("Account", [ACCOUNT], ["Id"]);
    expect(server.calls()).toHaveLength(2);
  });

  test("is at least its share of the calls, and never more than one call more", () => {
    fc.assert(
      fc.property(fc.nat(200_000), fc.nat(200_000), fc.double({ min: 0, max: 1, noNaN: true }), (used, max, share) => {
        const left = max - used;
        if (isBelowReserve({ used, max, observedAt: 0 }, share))
          expect(left).toBeLessThan(Math.ceil(max * share) || 0.5);
        else expect(left).toBeGreaterThanOrEqual(max * share);
      }),
    );
  });
});
