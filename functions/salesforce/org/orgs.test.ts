import { clearCaches } from "@aws-lambda-powertools/parameters";
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { serve, type TestServer } from "#shared/testing/server.ts";
import { PAGE_TIMEOUT_MS } from "../client/bulk.ts";
import { CALL_TIMEOUT_MS } from "../client/http.ts";
import { WRITE_TIMEOUT_MS } from "../client/records.ts";
import { connectionOf, limitInfo, startOrg } from "../client/testing.ts";
import { ACCOUNT, ORG } from "../testing.ts";
import { createOrgs, PROBE_LEASE_MS } from "./orgs.ts";

const OTHER = "00D000000000001EAA";
const before = { ...process.env };

/** What Secrets Manager holds, by name. The reader keeps its first endpoint, so there is one for the whole file. */
let secrets: Record<string, unknown> = {};
let store: TestServer;

beforeAll(async () => {
  store = await serve(({ body }) => ({ body: { SecretString: JSON.stringify(secrets[JSON.parse(body).SecretId]) } }));
});

afterAll(async () => {
  await store[Symbol.asyncDispose]();
});

afterEach(() => {
  process.env = { ...before };
  store.requests.length = 0;
  clearCaches();
});

/** A function that is connected to these organisations, by their secrets. */
function environment(SALESFORCE_ORGS: string, connections: Record<string, unknown> = {}): void {
  secrets = Object.fromEntries(
    Object.entries(connections).map(([orgId, value]) => [`fleet/test/salesforce/${orgId}`, value]),
  );
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: store.url,
    AWS_REGION: "us-east-1",
    AWS_ACCESS_KEY_ID: "test",
    AWS_SECRET_ACCESS_KEY: "test",
    SALESFORCE_ORGS,
    SALESFORCE_SECRET_PREFIX: "fleet/test/salesforce/",
  });
}

const ungated = { call: <T>(_endpoint: string, work: () => Promise<T>) => work() };

describe("createOrgs", () => {
  test("reads each organisation's own secret, at the first call, and keeps one client of each", async () => {
    await using one = await startOrg(() => ({ body: [null] }));
    await using two = await startOrg(() => ({ body: [null] }));
    const connections = { [ORG]: connectionOf(one.url), [OTHER]: connectionOf(two.url, { orgId: OTHER }) };
    environment(`${ORG}, ${OTHER.slice(0, 15)}`, connections);
    const orgs = createOrgs("live", ungated);
    expect(orgs.ids).toEqual([ORG, OTHER]);
    expect(store.requests).toEqual([]);
    await orgs.salesforce(OTHER).readRecords("Account", [ACCOUNT], ["Id"]);
    expect([one.requests.length, two.requests.length]).toEqual([0, 2]);
    expect(orgs.salesforce(OTHER)).toBe(orgs.salesforce(OTHER));
    expect((await orgs.salesforce(ORG).connection()).orgId).toBe(ORG);
    expect(store.requests).toHaveLength(2);
  });

  test("an organisation that nobody connected is refused", () => {
    environment(ORG);
    const orgs = createOrgs("live", ungated);
    expect(() => orgs.salesforce(OTHER)).toThrow(
      expect.objectContaining({ name: "InvalidInputError", code: "OTHER_ORG" }),
    );
  });

  test("a secret that connects to another organisation is refused", async () => {
    environment(ORG, { [ORG]: connectionOf("http://127.0.0.1:1", { orgId: OTHER }) });
    const error = await createOrgs("live", ungated)
      .salesforce(ORG)
      .connection()
      .catch((failure) => failure);
    expect(error).toMatchObject({ name: "NotAuthorizedError", code: "BAD_CONNECTION" });
    expect(error.message).toContain(`connects to organisation ${OTHER}`);
  });

  test.each(["00D", "EXAMPLE,", ""])("'%s' is no list of organisations", (orgs) => {
    environment(orgs);
    expect(() => createOrgs("live", ungated)).toThrow();
  });

  test("publishes the usage of the API once a minute, by organisation and as the share of all", async () => {
    await using org = await startOrg(() => ({ headers: limitInfo(18, 15_000), body: [null] }));
    environment(ORG, { [ORG]: connectionOf(org.url) });
    const printed = jest.spyOn(process.stdout, "write").mockImplementation(() => true);
    try {
      const salesforce = createOrgs("live", ungated).salesforce(ORG);
      await salesforce.readRecords("Account", [ACCOUNT], ["Id"]);
      await salesforce.readRecords("Account", [ACCOUNT], ["Id"]);
      const [used, percent, ...more] = printed.mock.calls.map(([line]) => JSON.parse(String(line)));
      expect(used).toMatchObject({ orgId: ORG, max: "15000", SalesforceApiRequestsUsed: 18 });
      expect(percent).toMatchObject({ service: "fleet/local", SalesforceApiUsedPercent: 0.12 });
      expect(percent._aws.CloudWatchMetrics[0]).toMatchObject({
        Namespace: "ConnectorFleet",
        Dimensions: [["service"]],
        Metrics: [{ Name: "SalesforceApiUsedPercent", Unit: "Percent" }],
      });
      expect(more).toEqual([]);
    } finally {
      printed.mockRestore();
    }
  });
});

test("a crashed probe is waited for longer than any call lasts, with the logins around it", () => {
  expect(PROBE_LEASE_MS).toBeGreaterThan(2 * (WRITE_TIMEOUT_MS + CALL_TIMEOUT_MS));
  expect(PROBE_LEASE_MS).toBeGreaterThan(PAGE_TIMEOUT_MS + 2 * CALL_TIMEOUT_MS);
});
