import { createVerify, generateKeyPairSync } from "node:crypto";
import { describe, expect, test } from "@jest/globals";
import { FleetError } from "#shared/errors.ts";
import { type Answer, type SeenRequest, serve, type TestServer } from "#shared/testing/server.ts";
import type { Salesforce } from "./client/types.ts";
import { createSalesforce } from "./client.ts";
import { type SalesforceConnection, salesforceConnectionSchema } from "./org/connection.ts";
import { ACCOUNT, account, CLIENT_NAME, ORG, OTHER_ACCOUNT } from "./testing.ts";

const FIELDS = ["Id", "Name"];

/** A tiny organisation: hands out tokens `token-1`, `token-2`, … and answers API calls with `api`. */
async function org(api: (request: SeenRequest, call: number) => Answer, token?: () => Answer): Promise<TestServer> {
  let tokens = 0;
  let calls = 0;
  const server: TestServer = await serve((request) => {
    if (!request.url.endsWith("/oauth2/token")) return api(request, ++calls);
    if (token) return token();
    tokens += 1;
    return { body: { access_token: `token-${tokens}`, instance_url: server.url, id: `${server.url}/id/${ORG}/005` } };
  });
  return server;
}

function settings(loginUrl: string): SalesforceConnection {
  const integrationClientName = CLIENT_NAME;
  const secret = { loginUrl, clientId: "id", clientSecret: "secret", apiVersion: "67.0", orgId: ORG };
  return salesforceConnectionSchema.parse({ ...secret, integrationClientName });
}

function salesforceOf({ url }: TestServer, members: Partial<SalesforceConnection> = {}): Salesforce {
  return createSalesforce(async () => ({ ...settings(url), ...members }) as SalesforceConnection);
}

async function failureOf(api: (request: SeenRequest, call: number) => Answer, token?: () => Answer) {
  await using server = await org(api, token);
  const error = await salesforceOf(server)
    .readRecords("Account", [ACCOUNT], FIELDS)
    .then(() => undefined)
    .catch((failure) => failure);
  if (!(error instanceof FleetError)) throw new Error(`expected one of our errors, got ${error}`);
  return { error, requests: server.requests };
}

const problem = (status: number, errorCode: string, message = "problem"): Answer => ({
  status,
  body: [{ message, errorCode }],
});

describe("readRecords", () => {
  test("reads all accounts in one call, with our client name; a missing one is missing", async () => {
    await using server = await org(() => ({ body: [account(ACCOUNT), null] }));
    const found = await salesforceOf(server).readRecords("Account", [ACCOUNT, OTHER_ACCOUNT], FIELDS);
    expect([...found.keys()]).toEqual([ACCOUNT]);
    expect(found.get(ACCOUNT)).toMatchObject({ Name: "Acme" });
    const [, call] = server.requests;
    expect(call).toMatchObject({ method: "POST", url: "/services/data/v67.0/composite/sobjects/Account" });
    expect(JSON.parse(call?.body ?? "")).toEqual({ ids: [ACCOUNT, OTHER_ACCOUNT], fields: FIELDS });
    expect(call?.headers).toMatchObject({
      authorization: "Bearer token-1",
      "sforce-call-options": `client=${CLIENT_NAME}`,
    });
  });

  test("splits more ids than one call takes", async () => {
    await using server = await org(({ body }) => ({ body: JSON.parse(body).ids.map(() => null) }));
    const ids = Array.from({ length: 2_001 }, (_, n) => `001${String(n).padStart(15, "0")}`);
    expect(await salesforceOf(server).readRecords("Account", ids, FIELDS)).toEqual(new Map());
    expect(server.requests.slice(1).map(({ body }) => JSON.parse(body).ids.length)).toEqual([2_000, 1]);
  });

  test("opens the session once for many calls, also for calls at the same time", async () => {
    await using server = await org(() => ({ body: [null] }));
    const salesforce = salesforceOf(server);
    await Promise.all([1, 2, 3].map(() => salesforce.readRecords("Account", [ACCOUNT], FIELDS)));
    await salesforce.readRecords("Account", [ACCOUNT], FIELDS);
    expect(server.requests.filter(({ url }) => url.endsWith("/token"))).toHaveLength(1);
  });
});

describe("findDeleted", () => {
  test("asks the recycle bin too", async () => {
    const row = { Id: ACCOUNT, IsDeleted: true, SystemModstamp: "2026-09-21T14:13:20.000+0000" };
    await using server = await org(() => ({ body: { totalSize: 1, done: true, records: [row] } }));
    const found = await salesforceOf(server).findDeleted("Account", [ACCOUNT, OTHER_ACCOUNT]);
    expect(found).toEqual(new Map([[ACCOUNT, { isDeleted: true, systemModstamp: row.SystemModstamp }]]));
    const url = new URL(server.requests[1]?.url ?? "", server.url);
    expect(url.pathname).toBe("/services/data/v67.0/queryAll");
    expect(url.searchParams.get("q")).toBe(
      `SELECT Id, IsDeleted, SystemModstamp FROM Account WHERE Id IN ('${ACCOUNT}','${OTHER_ACCOUNT}')`,
    );
  });

  test("keeps every URL under Salesforce's 16,384 bytes", async () => {
    await using server = await org(() => ({ body: { totalSize: 0, done: true, records: [] } }));
    const ids = Array.from({ length: 450 }, (_, n) => `001${String(n).padStart(15, "0")}`);
    await salesforceOf(server).findDeleted("Account", ids);
    expect(server.requests.slice(1)).toHaveLength(3);
    for (const { url } of server.requests) expect(url.length).toBeLessThan(16_384);
  });
});

describe("authorisation", () => {
  test("with client credentials", async () => {
    await using server = await org(() => ({ body: [null] }));
    await salesforceOf(server).readRecords("Account", [ACCOUNT], FIELDS);
    expect(Object.fromEntries(new URLSearchParams(server.requests[0]?.body))).toEqual({
      grant_type: "client_credentials",
      client_id: "id",
      client_secret: "secret",
    });
  });

  test("with a signed JWT whose audience is the login URL", async () => {
    const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    await using server = await org(() => ({ body: [null] }));
    const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    const { clientSecret: _unused, ...rest } = settings(server.url) as Record<string, unknown>;
    const jwt = { ...rest, username: "robot@acme.example", privateKey: pem } as unknown as SalesforceConnection;
    await createSalesforce(async () => jwt).readRecords("Account", [ACCOUNT], FIELDS);
    const form = new URLSearchParams(server.requests[0]?.body);
    expect(form.get("grant_type")).toBe("urn:ietf:params:oauth:grant-type:jwt-bearer");
    const [head = "", claims = "", signature = ""] = (form.get("assertion") ?? "").split(".");
    expect(createVerify("RSA-SHA256").update(`${head}.${claims}`).verify(publicKey, signature, "base64url")).toBe(true);
    const decoded = JSON.parse(Buffer.from(claims, "base64url").toString());
    expect(decoded).toMatchObject({ iss: "id", sub: "robot@acme.example", aud: server.url });
    expect(decoded.exp - Date.now() / 1000).toBeLessThanOrEqual(180);
  });

  test("a private key that is none is NotAuthorizedError without the key", async () => {
    const jwt = {
      ...settings("http://127.0.0.1:1"),
      clientSecret: undefined,
      username: "u",
      privateKey: "-----SECRET",
    };
    const salesforce = createSalesforce(async () => jwt as unknown as SalesforceConnection);
    const error = await salesforce.readRecords("Account", [ACCOUNT], FIELDS).catch((failure) => failure);
    expect(error).toMatchObject({ name: "NotAuthorizedError", code: "BAD_PRIVATE_KEY" });
    expect(JSON.stringify([error.message, error.cause])).not.toContain("SECRET");
  });

  test("an expired session is renewed once, with freshly read credentials", async () => {
    await using server = await org(({ headers }) =>
      headers.authorization === "Bearer token-1" ? problem(401, "INVALID_SESSION_ID") : { body: [account(ACCOUNT)] },
    );
    const forced: boolean[] = [];
    const salesforce = createSalesforce(async ({ forceFetch }) => {
      forced.push(forceFetch);
      return settings(server.url);
    });
    expect((await salesforce.readRecords("Account", [ACCOUNT], FIELDS)).size).toBe(1);
    expect(forced).toEqual([false, true]);
    expect(server.requests).toHaveLength(4);
  });

  test("a session that is refused again ends after one renewal", async () => {
    const { error, requests } = await failureOf(() => problem(401, "INVALID_SESSION_ID"));
    expect(error).toMatchObject({ name: "NotAuthorizedError", code: "INVALID_SESSION_ID" });
    expect(requests).toHaveLength(4);
  });

  test("refused credentials are read again once: they may have been rotated", async () => {
    let tokens = 0;
    const { error, requests } = await failureOf(
      () => ({ body: [null] }),
      () => {
        tokens += 1;
        return { status: 400, body: { error: "invalid_client", error_description: "invalid client credentials" } };
      },
    );
    expect(error).toMatchObject({ name: "NotAuthorizedError", code: "invalid_client" });
    expect(tokens).toBe(2);
    expect(requests).toHaveLength(2);
  });

  test("a failed opening is not kept", async () => {
    let down = true;
    await using server = await org(() => ({ body: [null] }));
    const salesforce = createSalesforce(async () => (down ? settings("http://127.0.0.1:1") : settings(server.url)));
    await expect(salesforce.readRecords("Account", [ACCOUNT], FIELDS)).rejects.toMatchObject({
      name: "TransientError",
    });
    down = false;
    expect(await salesforce.readRecords("Account", [ACCOUNT], FIELDS)).toEqual(new Map());
  });
});

// Bodies as in salesforce's documentation and public fixtures; one request each, so nothing was retried here.
describe("failures", () => {
  test.each([
    [problem(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."), "RateLimitedError", 3_600],
    [problem(403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded."), "RateLimitedError", 5],
    [problem(400, "UNABLE_TO_LOCK_ROW"), "TransientError", undefined],
    [problem(503, "SERVER_UNAVAILABLE"), "TransientError", undefined],
    [problem(400, "QUERY_TIMEOUT"), "TransientError", undefined],
    [problem(500, "UNKNOWN_EXCEPTION"), "TransientError", undefined],
    [
      problem(400, "INVALID_FIELD", "No such column 'Plan__c' on sobject of type Account"),
      "RejectedByTargetError",
      undefined,
    ],
    [problem(400, "INVALID_TYPE"), "RejectedByTargetError", undefined],
    [problem(404, "NOT_FOUND"), "RejectedByTargetError", undefined],
    [problem(403, "API_DISABLED_FOR_ORG"), "NotAuthorizedError", undefined],
    [problem(403, "INSUFFICIENT_ACCESS"), "NotAuthorizedError", undefined],
    [{ status: 503, headers: { "content-type": "text/html" }, body: "<html>down</html>" }, "TransientError", undefined],
    [{ status: 502, body: "bad gateway" }, "TransientError", undefined],
    ["reset" as const, "TransientError", undefined],
    [{ status: 200, body: { hello: 1 } }, "ContractError", undefined],
    [{ status: 200, body: [{ Name: "no id" }] }, "ContractError", undefined],
    [
      {
        status: 400,
        body: [
          { message: "a", errorCode: "INVALID_FIELD" },
          { message: "b", errorCode: "X_Y" },
        ],
      },
      "RejectedByTargetError",
      undefined,
    ],
  ])("%j is %s", async (answer, name, retryAfterSeconds) => {
    const { error, requests } = await failureOf(() => answer as Answer);
    expect(error.name).toBe(name);
    expect((error as { retryAfterSeconds?: number }).retryAfterSeconds).toBe(retryAfterSeconds);
    expect(requests).toHaveLength(2);
  });

  test("a query that does not answer in full is ContractError", async () => {
    await using server = await org(() => ({ body: { totalSize: 1, done: false, records: [] } }));
    await expect(salesforceOf(server).findDeleted("Account", [ACCOUNT])).rejects.toMatchObject({
      name: "ContractError",
    });
  });

  test.each([
    [{ status: 503, body: "down" }, "TransientError"],
    [{ status: 400, body: { error: "invalid_grant", error_description: "audience is invalid" } }, "NotAuthorizedError"],
    [{ status: 200, body: { access_token: "x" } }, "ContractError"],
  ])("the token endpoint answers %j: %s", async (answer, name) => {
    const { error } = await failureOf(
      () => ({ body: [null] }),
      () => answer as Answer,
    );
    expect(error.name).toBe(name);
  });
});
