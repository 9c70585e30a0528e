import { createHmac, randomBytes, randomUUID, verify } from "node:crypto";
import { z } from "zod";
import type { Org } from "./org.ts";
import type { RefreshToken } from "./rest-state.ts";
import { requireType } from "./schema.ts";
import type { ClientApp, StoredRecord } from "./state.ts";

/** How long a session lives: two hours, the org's default. */
const SESSION_MS = 2 * 3600 * 1000;
/** The longest that an assertion may still be valid, and the slack for a client's clock. */
const ASSERTION_MS = 3 * 60 * 1000;
const CLOCK_SLACK_MS = 30_000;
/** The Salesforce CLI gives the expiry of its assertions in milliseconds, and Salesforce takes it. */
const MILLISECONDS_FROM = 1e11;

/**
 * An error of the token endpoint: `{error, error_description}` with status 400.
 * https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_oauth_flow_errors.htm
 */
export class OAuthError extends Error {
  override readonly name = "OAuthError";
  readonly status = 400;
  readonly error: string;

  constructor(error: string, description: string) {
    super(description);
    this.error = error;
  }

  body(): Record<string, string> {
    return { error: this.error, error_description: this.message };
  }
}

const JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/**
 * Answers a token request. `basic` is the decoded Basic authorisation, `clientId:clientSecret`.
 * @throws OAuthError
 */
export function grantToken(org: Org, baseUrl: string, form: URLSearchParams, basic: string | undefined): unknown {
  switch (form.get("grant_type")) {
    case "client_credentials":
      return openSession(org, baseUrl, ...clientCredentials(org, form, basic));
    case JWT_BEARER:
      return openSession(org, baseUrl, ...jwtBearer(org, baseUrl, form.get("assertion") ?? ""));
    case "refresh_token":
      return refresh(org, baseUrl, form, basic);
    case "password":
      if (org.state.rest.oauth.allowsPasswordGrant) return openSession(org, baseUrl, ...password(org, form, basic));
      throw new OAuthError("unsupported_grant_type", "grant type not supported");
    default:
      throw new OAuthError("unsupported_grant_type", "grant type not supported");
  }
}

/** The user of a token, or undefined when it is unknown, revoked or expired. */
export function userOfToken(org: Org, token: string | undefined): StoredRecord | undefined {
  const session = token === undefined ? undefined : org.state.sessions[token];
  if (!session || session.expiresAt <= org.now()) return undefined;
  const user = org.find(requireType("User"), session.userId);
  return user?.IsActive ? user : undefined;
}

/** Ends a session, or a refresh token with its family. @throws OAuthError `invalid_token` when there is no such token */
export function revokeToken(org: Org, token: string | null): void {
  const known = token ? refreshTokenOf(org, token) : undefined;
  if (known) {
    revokeFamily(org, known.family);
    return;
  }
  if (!token || !org.state.sessions[token]) throw new OAuthError("invalid_token", "token is invalid or expired");
  delete org.state.sessions[token];
}

/** Ends all sessions at once, as an administrator or the timeout does. */
export function expireTokens(org: Org): number {
  const sessions = Object.values(org.state.sessions);
  for (const session of sessions) session.expiresAt = 0;
  return sessions.length;
}

/** What `/services/oauth2/userinfo` and the identity URL tell about a user. */
export function identityOf(org: Org, baseUrl: string, user: StoredRecord): Record<string, unknown> {
  const userId = String(user.Id);
  const id = `${baseUrl}/id/${org.state.orgId}/${userId}`;
  return {
    id,
    sub: id,
    asserted_user: true,
    user_id: userId,
    organization_id: org.state.orgId,
    username: user.Username,
    preferred_username: user.Username,
    nick_name: user.FirstName,
    nickname: user.FirstName,
    display_name: user.Name,
    name: user.Name,
    given_name: user.FirstName,
    family_name: user.LastName,
    email: user.Email,
    email_verified: true,
    active: user.IsActive,
    user_type: "STANDARD",
    urls: { rest: `${baseUrl}/services/data/v{version}/`, sobjects: `${baseUrl}/services/data/v{version}/sobjects/` },
  };
}

function openSession(org: Org, baseUrl: string, client: ClientApp, user: StoredRecord): Record<string, unknown> {
  const now = org.now();
  for (const [token, session] of Object.entries(org.state.sessions))
    if (session.expiresAt <= now) delete org.state.sessions[token];
  const accessToken = `${org.state.orgId.slice(0, 15)}!AQ${randomBytes(64).toString("base64url")}`;
  org.state.sessions[accessToken] = { userId: String(user.Id), clientId: client.clientId, expiresAt: now + SESSION_MS };
  const id = `${baseUrl}/id/${org.state.orgId}/${String(user.Id)}`;
  return {
    access_token: accessToken,
    signature: createHmac("sha256", client.clientSecret).update(`${id}${now}`).digest("base64"),
    scope: "api",
    instance_url: org.state.rest.oauth.instanceUrl ?? baseUrl,
    id,
    token_type: "Bearer",
    issued_at: String(now),
  };
}

/** What a person gets who has logged in through the browser: a session and the first refresh token of a family. */
export function logInWithRefreshToken(org: Org, baseUrl: string, username: string): Record<string, unknown> {
  const user = requireUser(org, username);
  const client = Object.values(org.state.clients).find((one) => one.runAs === username);
  if (!client) throw new OAuthError("invalid_client_id", "client identifier invalid");
  const token = newRefreshToken(org, client.clientId, String(user.Id), randomUUID());
  return { ...openSession(org, baseUrl, client, user), refresh_token: token, client_id: client.clientId };
}

/** Revokes every refresh token, as an administrator does. @returns how many were good */
export function revokeRefreshTokens(org: Org): number {
  const { oauth } = org.state.rest;
  const good = Object.values(oauth.refreshTokens).filter((token) => !token.isSpent).length;
  oauth.refreshTokens = {};
  return good;
}

/**
 * A new session for a refresh token. With rotation the answer has the next refresh token, and whoever sends the old one
 * again revokes them all.
 */
function refresh(org: Org, baseUrl: string, form: URLSearchParams, basic: string | undefined): unknown {
  const client = authenticateClient(org, form, basic);
  const token = refreshTokenOf(org, form.get("refresh_token") ?? "");
  if (!token || token.clientId !== client.clientId) throw expiredToken();
  if (token.isSpent) {
    revokeFamily(org, token.family);
    throw expiredToken();
  }
  const user = org.find(requireType("User"), token.userId);
  if (!user?.IsActive) throw new OAuthError("inactive_user", "user is inactive");
  const session = openSession(org, baseUrl, client, user);
  if (!org.state.rest.oauth.rotatesRefreshTokens) return session;
  token.isSpent = true;
  return { ...session, refresh_token: newRefreshToken(org, client.clientId, token.userId, token.family) };
}

function newRefreshToken(org: Org, clientId: string, userId: string, family: string): string {
  const token = `5Aep861${randomBytes(48).toString("base64url")}`;
  org.state.rest.oauth.refreshTokens[token] = { clientId, userId, family, isSpent: false };
  return token;
}

function refreshTokenOf(org: Org, token: string): RefreshToken | undefined {
  const { refreshTokens } = org.state.rest.oauth;
  return Object.hasOwn(refreshTokens, token) ? refreshTokens[token] : undefined;
}

function revokeFamily(org: Org, family: string): void {
  const { refreshTokens } = org.state.rest.oauth;
  for (const [token, known] of Object.entries(refreshTokens)) if (known.family === family) delete refreshTokens[token];
}

/** Password of every user, for tests of the username-password flow. */
export const USER_PASSWORD = "correct-horse-1";

function password(org: Org, form: URLSearchParams, basic: string | undefined): [ClientApp, StoredRecord] {
  const client = authenticateClient(org, form, basic);
  const given = form.get("password") ?? "";
  // A security token may follow the password.
  if (!given.startsWith(USER_PASSWORD)) throw new OAuthError("invalid_grant", "authentication failure");
  return [client, requireUser(org, form.get("username") ?? "")];
}

function expiredToken(): OAuthError {
  return new OAuthError("invalid_grant", "expired access/refresh token");
}

function clientCredentials(org: Org, form: URLSearchParams, basic: string | undefined): [ClientApp, StoredRecord] {
  const client = authenticateClient(org, form, basic);
  return [client, requireUser(org, client.runAs)];
}

function authenticateClient(org: Org, form: URLSearchParams, basic: string | undefined): ClientApp {
  const [basicId, basicSecret] = basic?.split(":") ?? [];
  const client = requireClient(org, form.get("client_id") ?? basicId ?? "");
  if ((form.get("client_secret") ?? basicSecret) !== client.clientSecret)
    throw new OAuthError("invalid_client", "invalid client credentials");
  return client;
}

const claimsSchema = z.object({
  iss: z.string(),
  sub: z.string(),
  aud: z.union([z.string(), z.array(z.string())]),
  exp: z.number(),
});

function jwtBearer(org: Org, baseUrl: string, assertion: string): [ClientApp, StoredRecord] {
  const [head = "", body = "", signature = ""] = assertion.split(".");
  const header = decode(head);
  const claims = claimsSchema.safeParse(decode(body));
  if ((header as { alg?: unknown } | undefined)?.alg !== "RS256" || !claims.success) throw invalidAssertion();
  const { iss, sub, aud, exp } = claims.data;
  const client = requireClient(org, iss);
  if (!client.publicKey) throw new OAuthError("invalid_app_access", "user is not admin approved to access this app");
  const signed = Buffer.from(`${head}.${body}`);
  if (!verify("RSA-SHA256", signed, client.publicKey, Buffer.from(signature, "base64url"))) throw invalidAssertion();
  if (![aud].flat().includes(baseUrl)) throw new OAuthError("invalid_grant", "audience is invalid");
  const left = (exp > MILLISECONDS_FROM ? exp : exp * 1000) - org.clientNow();
  if (left <= -CLOCK_SLACK_MS || left > ASSERTION_MS + CLOCK_SLACK_MS) throw invalidAssertion();
  const user = requireUser(org, sub);
  if (user.Username !== client.runAs) throw new OAuthError("invalid_grant", "user hasn't approved this consumer");
  return [client, user];
}

function decode(part: string): unknown {
  try {
    return JSON.parse(Buffer.from(part, "base64url").toString());
  } catch {
    return undefined;
  }
}

function requireClient(org: Org, clientId: string): ClientApp {
  const client = Object.hasOwn(org.state.clients, clientId) ? org.state.clients[clientId] : undefined;
  if (!client) throw new OAuthError("invalid_client_id", "client identifier invalid");
  return client;
}

function requireUser(org: Org, username: string): StoredRecord {
  const user = org.records(requireType("User")).find((one) => one.Username === username);
  if (!user) throw new OAuthError("invalid_grant", "user hasn't approved this consumer");
  if (!user.IsActive) throw new OAuthError("inactive_user", "user is inactive");
  return user;
}

function invalidAssertion(): OAuthError {
  return new OAuthError("invalid_grant", "invalid assertion");
}
