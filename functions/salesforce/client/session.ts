import { createSign } from "node:crypto";
import { OAuth2 } from "jsforce/lib/core.js";
import { z } from "zod";
import { NotAuthorizedError, RateLimitedError, TransientError } from "#shared/errors.ts";
import type { Enter } from "#shared/targets/gate.ts";
import type { Connect, SalesforceConnection } from "../org/connection.ts";
import { readAnswer } from "./answers.ts";
import { isSessionExpired, problemsIn, RefusedAnswer, toFleetError } from "./errors.ts";
import { OneTryTransport } from "./http.ts";
import type { Session } from "./types.ts";

const JWT_SECONDS = 180;
const JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const WINDOW_MS = 60_000;
const MAX_OPENINGS = 6;
const GIVEN_UP_AFTER = 2;

const tokenSchema = z.object({ access_token: z.string().min(1), instance_url: z.url(), id: z.string().optional() });

/** A session with the connection it was opened with. */
export interface OpenSession extends Session {
  readonly settings: SalesforceConnection;
  /** `…/id/<organisation>/<user>`: who the session belongs to. */
  readonly identityUrl: string | undefined;
}

export interface Sessions {
  /**
   * Works with the kept session, and once more with a new one when it has expired, the organisation has moved or its
   * credentials were rotated. jsforce's own refresh is not used: it repeats without end when the new token is refused
   * too, and sticks to the old instance URL. A session that is refused twice is not kept. For the gate all of it is one
   * call.
   * @throws RateLimitedError `TOO_MANY_LOGINS` when one session after the other is of no use
   */
  use<T>(work: (session: OpenSession) => Promise<T>): Promise<T>;
  /** The kept session, for which nothing is called, or a new one, always when `renew`. */
  current(renew: boolean): Promise<OpenSession>;
}

/**
 * Keeps one session; it is opened at the first call. Nothing is sent but through `enter`: who has no session from here has
 * no way to Salesforce.
 */
export function createSessions(
  connect: Connect,
  { enter, now, timeoutMs }: { enter: Enter; now: () => number; timeoutMs?: number | undefined },
): Sessions {
  let kept: Promise<OpenSession> | undefined;
  let openings: number[] = [];
  let unreachableInARow = 0;

  function forget(session: Promise<OpenSession>): void {
    if (kept === session) kept = undefined;
  }

  /** One connection that is cut says nothing; a host that stays away may be gone, and a new token says where to. */
  function noteUnreachable(unreachable: boolean, session: Promise<OpenSession>): void {
    unreachableInARow = unreachable ? unreachableInARow + 1 : 0;
    if (unreachableInARow < GIVEN_UP_AFTER) return;
    unreachableInARow = 0;
    forget(session);
  }

  function open(forceFetch: boolean): Promise<OpenSession> {
    openings = openings.filter((at) => at > now() - WINDOW_MS);
    const [oldest = 0] = openings;
    if (openings.length >= MAX_OPENINGS) return Promise.reject(tooManyLogins(oldest + WINDOW_MS - now()));
    openings.push(now());
    const opening = connect({ forceFetch }).then((settings) => openSession(settings, { timeoutMs, now }));
    kept = opening;
    opening.catch(() => forget(opening));
    return opening;
  }

  async function use<T>(work: (session: OpenSession) => Promise<T>): Promise<T> {
    const session = kept ?? open(false);
    try {
      const result = await work(await session);
      noteUnreachable(false, session);
      return result;
    } catch (error) {
      const failure = toFleetError(error);
      noteUnreachable(failure.code === "UNREACHABLE", session);
      if (!isSessionExpired(error) && !isRefusedLogin(error)) throw failure;
    }
    const renewed = kept && kept !== session ? kept : open(true);
    try {
      return await work(await renewed);
    } catch (error) {
      if (isSessionExpired(error)) forget(renewed);
      throw toFleetError(error);
    }
  }

  /** The cached secret may be older than a rotation. */
  function retryLogin(error: unknown): Promise<OpenSession> {
    if (isRefusedLogin(error)) return open(true);
    throw error;
  }

  return {
    use: (work) => enter(() => use(work)),
    async current(renew) {
      if (kept && !renew) return kept;
      return enter(() => (renew ? open(true) : (kept ?? open(false).catch(retryLogin))).catch(rethrow));
    },
  };
}

/** Errors of a login are the fleet's already; those of a call are still the vendor's. */
function isRefusedLogin(error: unknown): boolean {
  return error instanceof NotAuthorizedError;
}

function tooManyLogins(waitMs: number): RateLimitedError {
  return new RateLimitedError(
    "TOO_MANY_LOGINS",
    `${MAX_OPENINGS} logins to Salesforce within a minute were of no use: sessions are refused, or the instance cannot be reached; ` +
      "check the connection's credentials, the user's session policies and the network.",
    { retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1000)) },
  );
}

function rethrow(error: unknown): never {
  throw toFleetError(error);
}

async function openSession(
  settings: SalesforceConnection,
  options: { readonly timeoutMs: number | undefined; readonly now: () => number },
): Promise<OpenSession> {
  const { loginUrl, clientId } = settings;
  const clientSecret = "clientSecret" in settings ? (settings.clientSecret as string | undefined) : undefined;
  const oauth2 = new OAuth2({ loginUrl, clientId, ...(clientSecret ? { clientSecret } : {}) });
  oauth2._transport = new OneTryTransport({ surface: "token", ...options });
  const grant = clientSecret
    ? { grant_type: "client_credentials" }
    : { grant_type: JWT_BEARER, assertion: signJwt(settings) };
  const answer: unknown = await oauth2.requestToken(grant).catch(rethrow);
  // jsforce gives nothing for what it cannot parse.
  if (answer === undefined)
    throw new TransientError("NOT_JSON", "Salesforce answered a login without JSON, or with half of it.");
  const problems = problemsIn(answer);
  if (problems.length > 0) throw toFleetError(new RefusedAnswer("token", 200, { problems }));
  const token = readAnswer(tokenSchema, answer, "a token with its instance_url");
  const instanceUrl = token.instance_url.replace(/\/+$/, "");
  return { accessToken: token.access_token, instanceUrl, settings, identityUrl: token.id };
}

/** https://help.salesforce.com/s/articleView?id=sf.remoteaccess_oauth_jwt_flow.htm */
function signJwt(settings: SalesforceConnection): string {
  const { clientId, username, loginUrl, privateKey } = settings as SalesforceConnection & {
    username: string;
    privateKey: string;
  };
  const part = (content: object) => Buffer.from(JSON.stringify(content)).toString("base64url");
  const exp = Math.floor(Date.now() / 1000) + JWT_SECONDS;
  const unsigned = `${part({ alg: "RS256" })}.${part({ iss: clientId, sub: username, aud: loginUrl, exp })}`;
  try {
    return `${unsigned}.${createSign("RSA-SHA256").update(unsigned).sign(privateKey, "base64url")}`;
  } catch {
    // The cause is left out: its text may quote the key.
    throw new NotAuthorizedError(
      "BAD_PRIVATE_KEY",
      "The connection's privateKey is no PEM private key of an RSA pair.",
    );
  }
}
