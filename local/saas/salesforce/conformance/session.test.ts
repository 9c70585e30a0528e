import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { Connection } from "jsforce/lib/core.js";
import type { SalesforceEmulator } from "../emulator.ts";
import { connect, control, startTestOrg } from "../testing.ts";

// What an unmodified jsforce does when its session ends.
// https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/errorcodes.htm
let org: SalesforceEmulator;
beforeAll(async () => {
  org = await startTestOrg();
});
afterAll(() => org.stop());
beforeEach(async () => {
  await control(org.url, "DELETE", "faults");
  await control(org.url, "POST", "oauth", { instanceHost: null });
});

/** A new token of the client credentials flow. */
async function newToken(): Promise<string> {
  return String((await connect(org)).accessToken);
}

/** A connection whose refreshes are counted, and which gives up after `most` of them. */
function refreshing(accessToken: string, refresh: () => Promise<string>, most = 1000) {
  const counter = { refreshes: 0 };
  const connection = new Connection({
    instanceUrl: org.url,
    version: "66.0",
    accessToken,
    async refreshFn(_connection, done) {
      counter.refreshes += 1;
      if (counter.refreshes > most) return done(new Error(`no more than ${most} refreshes`));
      done(null, await refresh());
    },
  });
  return { connection, counter };
}

describe("session expiry", () => {
  test("with a refresh function one expiry costs one refresh, and the caller sees nothing of it", async () => {
    const { connection, counter } = refreshing(await newToken(), newToken);
    await control(org.url, "POST", "tokens/expire");
    expect((await connection.limits()).DailyApiRequests).toBeDefined();
    expect(counter.refreshes).toBe(1);
  });

  test("without one, a client credentials connection fails for want of a refresh token", async () => {
    const connection = await connect(org);
    await control(org.url, "POST", "tokens/expire");
    await expect(connection.limits()).rejects.toThrow(
      "Unable to refresh session due to: No refresh token found in the connection",
    );
  });

  test("without oauth2 settings the error itself comes through", async () => {
    const connection = new Connection({ instanceUrl: org.url, version: "66.0", accessToken: "stale" });
    await expect(connection.limits()).rejects.toMatchObject({
      name: "INVALID_SESSION_ID",
      message: "Session expired or invalid",
    });
  });

  test("refreshes without end while the new token is refused: only the refresh function can stop it", async () => {
    const { connection, counter } = refreshing("stale", async () => "refused as well", 25);
    await expect(connection.limits()).rejects.toThrow("no more than 25 refreshes");
    expect(counter.refreshes).toBe(26);
    const { routes } = org.calls.report();
    expect(routes["GET /services/data/:version/limits"]?.statuses[401]).toBeGreaterThanOrEqual(26);
  });

  test("keeps the address of a request when the org has moved, so no refresh helps", async () => {
    const { connection, counter } = refreshing(await newToken(), newToken, 3);
    const moved = (await control(org.url, "POST", "oauth", { instanceHost: "localhost" })) as { instanceUrl: string };
    await expect(connection.limits()).rejects.toThrow("no more than 3 refreshes");
    expect(counter.refreshes).toBe(4);
    const there = new Connection({ instanceUrl: moved.instanceUrl, version: "66.0", accessToken: await newToken() });
    expect((await there.limits()).DailyApiRequests).toBeDefined();
  });

  test.each(["Connected app is not attached to Agent", "This session is not valid for use with the REST API"])(
    "does not take this 401 for an expiry: %s",
    async (message) => {
      const { connection, counter } = refreshing(await newToken(), newToken);
      const body = [{ message, errorCode: "INVALID_SESSION_ID" }];
      await control(org.url, "POST", "faults", { path: "/services/data/*/limits", status: 401, body });
      await expect(connection.limits()).rejects.toThrow(message);
      expect(counter.refreshes).toBe(0);
    },
  );
});

describe("requests", () => {
  test("query stops at 10,000 records without a word, and fetches no second page by itself", async () => {
    const accounts = Array.from({ length: 10_050 }, (_none, index) => ({ Name: `N${index}` }));
    await control(org.url, "POST", "seed", { accounts });
    const connection = await connect(org);
    const soql = "SELECT Id FROM Account";
    const first = await connection.query(soql);
    expect([first.records.length, first.totalSize, first.done]).toEqual([2000, 10_050, false]);
    const all = await connection.query(soql, { autoFetch: true });
    expect([all.records.length, all.totalSize]).toEqual([10_000, 10_050]);
    expect((await connection.query(soql, { autoFetch: true, maxFetch: 20_000 })).records).toHaveLength(10_050);
  });

  test("counts its calls from Sforce-Limit-Info", async () => {
    const connection = await connect(org);
    await connection.limits();
    const used = connection.limitInfo?.apiUsage?.used ?? 0;
    await connection.limits();
    expect(connection.limitInfo?.apiUsage).toEqual({ used: used + 1, limit: 100_000 });
  });
});
