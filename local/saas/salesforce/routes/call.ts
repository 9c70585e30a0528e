import type { EmulatorContext } from "emulate";
import { statusFault } from "../../front/front.ts";
import { drawnFault, FAULT_HEADER } from "../../front/host.ts";
import { jsonParserError, limitExceeded, notFound, SalesforceError, sessionExpired } from "../errors.ts";
import { OAuthError, userOfToken } from "../oauth.ts";
import type { Actor, Org } from "../org.ts";
import type { Scope } from "../soql/scope.ts";
import type { OrgState } from "../state.ts";
import { playFault } from "./faults.ts";

export type App = EmulatorContext<OrgState>["app"];
export type Context = Parameters<Parameters<App["get"]>[1]>[0];

const FIRST_VERSION = 31;
const LAST_VERSION = 68;
/** Calls that a composite call makes: they are not counted by themselves. */
export const INNER = new WeakSet<Request>();
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
export function actorOf(c: Context, api: "rest" | "bulkapi" = "rest"): Actor {
  const options = c.req.header("sforce-call-options") ?? "";
  const client = options
    .split(/[,;]\s*/)
    .find((option) => option.trim().startsWith("client="))
    ?.trim();
  const changeOrigin = `com/salesforce/api/${api}/${versionOf(c)}${client ? `;${client}` : ""}`;
  return { userId: String(c.get("userId")), changeOrigin };
}

/** For whom a call reads, and in which version. */
export function scopeOf(c: Context, org: Org): Scope {
  return { org, userId: String(c.get("userId")), version: versionOf(c) };
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
    if (isDataCall(c) && !INNER.has(c.req.raw)) countCall(org);
    c.header("sforce-limit-info", `api-usage=${org.state.api.used}/${org.state.api.max}`);
    const fault = drawnFault(c.req.header(FAULT_HEADER));
    if (fault) {
      const answer = fault.status !== undefined ? statusFault(fault) : playFault(c, fault);
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
  if (!user || hasMoved(c, org)) throw sessionExpired();
  if (org.state.api.used > org.state.api.max) throw limitExceeded("TotalRequests");
  c.set("userId", user.Id);
}

/** An org that has moved to another instance does not know its sessions at the old address. */
function hasMoved(c: Context, org: Org): boolean {
  const { instanceUrl } = org.state.rest.oauth;
  return instanceUrl !== null && new URL(instanceUrl).host !== c.req.header("host");
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
