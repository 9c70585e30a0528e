import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { createBreakers } from "#shared/targets/breakers.ts";
import { createGate } from "#shared/targets/gate.ts";
import { startTable } from "#shared/testing/dynamo.ts";
import { ACCOUNT, ORG } from "../testing.ts";
import { clientOf, problem, startOrg } from "./testing.ts";

const TABLE = "fleet-state-test";
let dynamo: Awaited<ReturnType<typeof startTable>>;
let targets = 0;

beforeAll(async () => {
  dynamo = await startTable(TABLE, "key");
});
afterAll(() => dynamo.close());

/** An organisation that refuses its side paths so, and answers reads of accounts; behind a breaker of its own. */
async function orgRefusing(status: number, code: string) {
  const { client } = dynamo;
  const target = `target${++targets}`;
  const server = await startOrg(({ url }) =>
    url.includes("/composite/") ? { body: [{ Id: ACCOUNT }] } : problem(status, code),
  );
  const salesforce = clientOf(server, { gate: createGate(TABLE, { target }, { client }), orgId: ORG });
  const breaker = async () => (await createBreakers(TABLE, { client }).list()).find((one) => one.target === target);
  return { server, salesforce, breaker };
}

describe("what the user may not do", () => {
  test.each([
    [403, "FUNCTIONALITY_NOT_ENABLED"],
    [403, "INSUFFICIENT_ACCESS"],
    [403, "INSUFFICIENT_ACCESS_OR_READONLY"],
    [400, "FEATURENOTENABLED"],
  ])(
    "does not stop what it may: %i %s of a side path leaves the organisation's breaker closed",
    async (status, code) => {
      const { server, salesforce, breaker } = await orgRefusing(status, code);
      await using _ = server;
      for (const [call, named] of [
        [() => salesforce.bulk.createQuery("SELECT Id FROM Account"), "POST /services/data/v67.0/jobs/query"],
        [() => salesforce.query("SELECT COUNT() FROM Contact"), "GET /services/data/v67.0/query"],
        [() => salesforce.describe("Contact"), "GET /services/data/v67.0/sobjects/Contact/describe"],
      ] as const) {
        const message = `Salesforce answered ${code} to ${named}. (the login is good; in Salesforce Setup, grant`;
        await expect(call()).rejects.toMatchObject({
          name: "NotAuthorizedError",
          code,
          message: expect.stringContaining(message),
        });
      }
      expect((await breaker())?.state ?? "closed").toBe("closed");
      expect(await salesforce.readRecords("Account", [ACCOUNT], ["Id"])).toHaveProperty("size", 1);
    },
  );
});

test.each(["API_DISABLED_FOR_ORG", "API_CURRENTLY_DISABLED", "LOGIN_DURING_RESTRICTED_DOMAIN", "PASSWORD_LOCKOUT"])(
  "a user that is shut out opens the organisation's breaker: %s",
  async (code) => {
    const { server, salesforce, breaker } = await orgRefusing(403, code);
    await using _ = server;
    await expect(salesforce.describe("Account")).rejects.toMatchObject({ name: "NotAuthorizedError", code });
    expect(await breaker()).toMatchObject({ state: "open", needsPerson: true, code });
    const sent = server.requests.length;
    await expect(salesforce.readRecords("Account", [ACCOUNT], ["Id"])).rejects.toMatchObject({ code: "BREAKER_OPEN" });
    expect(server.requests).toHaveLength(sent);
  },
);
