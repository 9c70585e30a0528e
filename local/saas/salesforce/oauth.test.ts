import { createSign, generateKeyPairSync } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import jsforce from "jsforce/lib/core.js";
import type { SalesforceEmulator } from "./emulator.ts";
import { connect, control, startTestOrg } from "./testing.ts";

let org: SalesforceEmulator;
beforeAll(async () => {
  org = await startTestOrg();
});
afterAll(() => org.stop());

const token = async (fields: Record<string, string>) => {
  const response = await fetch(`${org.url}/services/oauth2/token`, {
    method: "POST",
    body: new URLSearchParams(fields),
  });
  return { status: response.status, body: (await response.json()) as Record<string, string> };
};

function assertion(claims: Record<string, unknown> = {}, alg = "RS256", key = org.jwtConnection().privateKey): string {
  const { clientId, username, loginUrl } = org.jwtConnection();
  const all = { iss: clientId, sub: username, aud: loginUrl, exp: Math.floor(Date.now() / 1000) + 120, ...claims };
  const [head, body] = [{ alg }, all].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"));
  return `${head}.${body}.${createSign("RSA-SHA256").update(`${head}.${body}`).sign(key, "base64url")}`;
}

// https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_oauth_flow_errors.htm
describe("client credentials", () => {
  test("jsforce logs in, and knows who it is", async () => {
    const conn = await connect(org);
    expect(conn.userInfo).toMatchObject({ id: org.integrationUserId, organizationId: org.orgId });
    expect(await conn.identity()).toMatchObject({ user_id: org.integrationUserId, organization_id: org.orgId });
    const answer = await fetch(`${org.url}/services/oauth2/userinfo`, {
      headers: { authorization: `Bearer ${conn.accessToken}` },
    });
    expect(await answer.json()).toMatchObject({ user_id: org.integrationUserId });
  });

  test("the human user has a login of its own", async () => {
    expect((await connect(org, "human")).userInfo?.id).toBe(org.humanUserId);
  });

  test("refuses a wrong client, a wrong secret and other grants", async () => {
    const { clientId, clientSecret } = org.connection();
    const good = { grant_type: "client_credentials", client_id: clientId, client_secret: clientSecret };
    const error = async (fields: Record<string, string>) => {
      const { status, body } = await token({ ...good, ...fields });
      return [status, body.error];
    };
    expect(await error({ client_id: "x" })).toEqual([400, "invalid_client_id"]);
    expect(await error({ client_secret: "x" })).toEqual([400, "invalid_client"]);
    expect(await error({ grant_type: "password" })).toEqual([400, "unsupported_grant_type"]);
  });
});

describe("JWT bearer", () => {
  const grant = (jwt: string) => token({ grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer", assertion: jwt });

  test("jsforce logs in with a signed assertion", async () => {
    const conn = new jsforce.Connection({ oauth2: { loginUrl: org.url }, version: "66.0" });
    await conn.authorize({ grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer", assertion: assertion() });
    expect((await conn.query("SELECT COUNT() FROM Account")).totalSize).toBe(0);
  });

  const stranger = () =>
    generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const cases: [string, () => string, string, string][] = [
    ["a foreign key", () => assertion({}, "RS256", stranger()), "invalid_grant", "invalid assertion"],
    ["another algorithm", () => assertion({}, "none"), "invalid_grant", "invalid assertion"],
    ["an expired assertion", () => assertion({ exp: 1000 }), "invalid_grant", "invalid assertion"],
    ["one valid too long", () => assertion({ exp: Date.now() / 1000 + 3600 }), "invalid_grant", "invalid assertion"],
    [
      "another audience",
      () => assertion({ aud: "https://test.salesforce.com" }),
      "invalid_grant",
      "audience is invalid",
    ],
    ["an unknown user", () => assertion({ sub: "x@y.z" }), "invalid_grant", "user hasn't approved this consumer"],
    ["an unknown issuer", () => assertion({ iss: "x" }), "invalid_client_id", "client identifier invalid"],
    ["no JWT", () => "a.b.c", "invalid_grant", "invalid assertion"],
  ];
  test.each(cases)("refuses %s", async (_what, jwt, error, description) => {
    expect(await grant(jwt())).toEqual({ status: 400, body: { error, error_description: description } });
  });
});

describe("sessions", () => {
  test("an expired token is 401, and a refresh function heals it", async () => {
    const first = await connect(org);
    let refreshed = 0;
    const conn = new jsforce.Connection({
      instanceUrl: org.url,
      accessToken: String(first.accessToken),
      version: "66.0",
      refreshFn: (_conn, done) => {
        refreshed += 1;
        connect(org).then((fresh) => done(null, String(fresh.accessToken)), done);
      },
    });
    expect(await control(org.url, "POST", "tokens/expire")).toEqual({ expired: expect.any(Number) });
    expect((await conn.query("SELECT Id FROM Account")).done).toBe(true);
    expect(refreshed).toBe(1);
  });

  test("a person gets one at a browser while the token endpoint fails", async () => {
    const { clientId, clientSecret } = org.humanConnection();
    await control(org.url, "POST", "faults", { method: "POST", path: "/services/oauth2/token", status: 503 });
    const { access_token } = (await control(org.url, "POST", "sessions", { clientId, clientSecret })) as {
      access_token: string;
    };
    const headers = { authorization: `Bearer ${access_token}` };
    expect((await fetch(`${org.url}/services/data/v66.0/limits`, { headers })).status).toBe(200);
    expect((await fetch(`${org.url}/services/oauth2/token`, { method: "POST" })).status).toBe(503);
  });

  test("without a token, with a wrong one and with a revoked one the API answers 401", async () => {
    const conn = await connect(org);
    const status = async (authorization: string) => {
      const response = await fetch(`${org.url}/services/data/v66.0/limits`, { headers: { authorization } });
      return [response.status, await response.json()];
    };
    const expired = [401, [{ message: "Session expired or invalid", errorCode: "INVALID_SESSION_ID" }]];
    const used = `Bearer ${conn.accessToken}`;
    expect((await status(used))[0]).toBe(200);
    expect(await status("")).toEqual(expired);
    expect(await status("Bearer x")).toEqual(expired);
    await conn.logout();
    expect(await status(used)).toEqual(expired);
  });
});

describe("refresh tokens", () => {
  const settings = (input: Record<string, unknown>) => control(org.url, "POST", "oauth", input);
  const logIn = async () => (await control(org.url, "POST", "oauth/login", {})) as Record<string, string>;
  const refresh = (refreshToken: string | undefined) => {
    const { clientId, clientSecret } = org.humanConnection();
    const client = { client_id: clientId, client_secret: clientSecret };
    return token({ grant_type: "refresh_token", refresh_token: String(refreshToken), ...client });
  };
  const expired = { status: 400, body: { error: "invalid_grant", error_description: "expired access/refresh token" } };
  afterEach(() => settings({ rotatesRefreshTokens: false, allowsPasswordGrant: false, instanceHost: null }));

  test("without rotation one token serves for ever, until it is revoked", async () => {
    const { refresh_token } = await logIn();
    const first = await refresh(refresh_token);
    expect(first).toMatchObject({ status: 200, body: { id: expect.any(String), access_token: expect.any(String) } });
    expect(first.body.refresh_token).toBeUndefined();
    expect((await refresh(refresh_token)).status).toBe(200);
    await fetch(`${org.url}/services/oauth2/revoke`, {
      method: "POST",
      body: new URLSearchParams({ token: String(refresh_token) }),
    });
    expect(await refresh(refresh_token)).toEqual(expired);
  });

  test("with rotation a spent token revokes its family", async () => {
    await settings({ rotatesRefreshTokens: true });
    const { refresh_token } = await logIn();
    const second = (await refresh(refresh_token)).body.refresh_token;
    const third = (await refresh(second)).body.refresh_token;
    expect(await refresh(second)).toEqual(expired);
    expect(await refresh(third)).toEqual(expired);
  });

  test("jsforce sends the old token again: rotation breaks its second refresh", async () => {
    await settings({ rotatesRefreshTokens: true });
    const { access_token, refresh_token, client_id } = await logIn();
    const conn = new jsforce.Connection({
      instanceUrl: org.url,
      version: "66.0",
      accessToken: String(access_token),
      refreshToken: String(refresh_token),
      oauth2: { loginUrl: org.url, clientId: String(client_id), clientSecret: org.humanConnection().clientSecret },
    });
    await control(org.url, "POST", "tokens/expire");
    expect((await conn.query("SELECT COUNT() FROM Account")).done).toBe(true);
    await control(org.url, "POST", "tokens/expire");
    await expect(conn.query("SELECT COUNT() FROM Account")).rejects.toThrow(/expired access\/refresh token/);
  });

  test("an administrator revokes them all", async () => {
    const { refresh_token } = await logIn();
    expect(await control(org.url, "POST", "tokens/revoke-refresh")).toEqual({ revoked: expect.any(Number) });
    expect(await refresh(refresh_token)).toEqual(expired);
  });

  test("the password flow is off, and on when the org allows it", async () => {
    const { clientId, clientSecret } = org.humanConnection();
    const form = {
      grant_type: "password",
      client_id: clientId,
      client_secret: clientSecret,
      username: "ada.admin@connector-fleet.example",
    };
    expect((await token({ ...form, password: "x" })).body.error).toBe("unsupported_grant_type");
    const { password } = (await settings({ allowsPasswordGrant: true })) as { password: string };
    expect((await token({ ...form, password })).status).toBe(200);
    expect((await token({ ...form, password: "x" })).body).toEqual({
      error: "invalid_grant",
      error_description: "authentication failure",
    });
  });

  test("an org that moves names its new address, and refuses calls at the old one", async () => {
    const conn = await connect(org);
    const { instanceUrl } = (await settings({ instanceHost: "localhost" })) as { instanceUrl: string };
    const { clientId, clientSecret } = org.connection();
    const login = await token({ grant_type: "client_credentials", client_id: clientId, client_secret: clientSecret });
    expect(login.body.instance_url).toBe(instanceUrl);
    const status = async (origin: string) => {
      const headers = { authorization: `Bearer ${login.body.access_token}` };
      return (await fetch(`${origin}/services/data/v66.0/limits`, { headers })).status;
    };
    expect([await status(org.url), await status(instanceUrl)]).toEqual([401, 200]);
    await expect(conn.query("SELECT COUNT() FROM Account")).rejects.toThrow();
  });
});
