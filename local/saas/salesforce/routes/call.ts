import type { EmulatorContext } from "emulate";
import { statusFault } from "../../front/front.ts";
import { drawnFault, FAULT_HEADER } from "../../front/host.ts";
import {
  jsonParserError,
  limitExceeded,
  notFound,
  rowLocked,
  SalesforceError,
  serverUnavailable,
  sessionExpired,
} from "../errors.ts";
import { OAuthError, userOfToken } from "../oauth.ts";
import type { Actor, Org } from "../org.ts";
import type { OrgState } from "../state.ts";

export type App = EmulatorContext<OrgState>["app"];
export type Context = Parameters<Parameters<App["get"]>[1]>[0];

/** Faults that the Salesforce emulator plays itself. */
export const SALESFORCE_FAULTS = [
  "sessionExpired",
  "dailyLimit",
  "concurrentLimit",
  "rowLock",
  "queryTimeout",
  "serverUnavailable",
  "serverUnavailableHtml",
] as const;

const FIRST_VERSION = 31;
const LAST_VERSION = 68;
const DAY_MS = 24 * 3600 * 1000;
const JSON_TYPE = { "content-type": "application/json;charset=UTF-8" };

/** `66.0` out of the path `/services/data/v66.0/…`. */
export function versionOf(c: Context): string {
  return (c.req.param("version") ?? "").slice(1);
}

/** The numbers of all versions that the org serves. */
export function apiVersions(): number[] {
  return Array.from({ length: LAST_VERSION - FIRST_VERSION + 1 }, (_none, index) => FIRST_VERSION + index);
}

/** Who calls, for the events of what the call changes. */
export function actorOf(c: Context): Actor {
  const options = c.req.header("sforce-call-options") ?? "";
  const client = options
    .split(/[,;]\s*/)
    .find((option) => option.trim().startsWith("client="))
    ?.trim();
  const changeOrigin = `com/salesforce/api/rest/${versionOf(c)}${client ? `;${client}` : ""}`;
  return { userId: String(c.get("userId")), changeOrigin };
}

/** The JSON object of a body. @throws SalesforceError `JSON_PARSER_ERROR` */
export async function bodyOf(c: Context): Promise<Record<string, unknown>> {
  const text = await c.req.text();
  try {
    const body: unknown = JSON.parse(text);
    if (body && typeof body === "object" && !Array.isArray(body)) return body as Record<string, unknown>;
  } catch {
    // falls through to the error that the API gives for both
  }
  throw jsonParserError(`Unexpected character or end of input in the request body, expected a JSON object`);
}

export function json(c: Context, body: unknown, status = 200): Response {
  return c.json(body, status, JSON_TYPE);
}

/** Installs what surrounds every call: usage header, errors in the API's words, faults, version, session. */
export function installGuards(app: App, org: Org): void {
  app.onError((error, c) => toResponse(error, c, org));
  app.notFound((c) => toResponse(notFound(), c, org));
  app.use("*", async (c, next) => {
    if (isDataCall(c)) countCall(org);
    c.header("sforce-limit-info", `api-usage=${org.state.api.used}/${org.state.api.max}`);
    const fault = drawnFault(c.req.header(FAULT_HEADER));
    if (fault) {
      const answer = fault.status !== undefined ? statusFault(fault) : await playFault(c, fault.error ?? "");
      if (answer) return withUsage(answer, org);
    }
    if (isDataCall(c)) guardDataCall(c, org);
    await next();
  });
}

function guardDataCall(c: Context, org: Org): void {
  const version = /^\/services\/data\/v(\d+)\.0(\/|$)/.exec(c.req.path)?.[1];
  if (!version || Number(version) < FIRST_VERSION || Number(version) > LAST_VERSION) throw notFound();
  const token = /^(?:Bearer|OAuth) (.+)$/.exec(c.req.header("authorization") ?? "")?.[1];
  const user = userOfToken(org, token);
  if (!user) throw sessionExpired();
  if (org.state.api.used > org.state.api.max) throw limitExceeded("TotalRequests");
  c.set("userId", user.Id);
}

/** The daily count of API calls; a new day begins 24 hours after the first call of the old one. */
function countCall(org: Org): void {
  const { api } = org.state;
  if (org.now() - api.windowStart >= DAY_MS) Object.assign(api, { used: 0, windowStart: org.now() });
  api.used += 1;
}

function isDataCall(c: Context): boolean {
  return c.req.path.startsWith("/services/data/");
}

/** The answer of a named fault, or undefined when the route itself plays it. */
async function playFault(c: Context, name: string): Promise<Response | undefined> {
  switch (name) {
    case "sessionExpired":
      throw sessionExpired();
    case "dailyLimit":
      throw limitExceeded("TotalRequests");
    case "concurrentLimit":
      throw limitExceeded("ConcurrentPerOrgLongTxn");
    case "queryTimeout":
      throw new SalesforceError(400, "QUERY_TIMEOUT", "Your query request was running for too long.");
    case "serverUnavailable":
      return json(c, serverUnavailable().body(), 503);
    case "serverUnavailableHtml":
      return new Response(
        "<html><head><title>Server Unavailable</title></head><body>Server Unavailable</body></html>",
        {
          status: 503,
          headers: { "content-type": "text/html" },
        },
      );
    case "rowLock":
      // A collection answers 200 with the lock in each record's result.
      if (c.req.path.includes("/composite/sobjects")) return void c.set("rowLock", true);
      throw rowLocked(c.req.path.split("/").at(-1) ?? "");
    default:
      return undefined;
  }
}

function toResponse(error: unknown, c: Context, org: Org): Response {
  const answer = () => {
    if (error instanceof SalesforceError) return json(c, error.body(), error.status);
    if (error instanceof OAuthError) return json(c, error.body(), 400);
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return json(c, [{ errorCode: "UNKNOWN_EXCEPTION", message: `An unexpected error occurred: ${message}` }], 500);
  };
  return withUsage(answer(), org);
}

function withUsage(answer: Response, org: Org): Response {
  answer.headers.set("sforce-limit-info", `api-usage=${org.state.api.used}/${org.state.api.max}`);
  return answer;
}
