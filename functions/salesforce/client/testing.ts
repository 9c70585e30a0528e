import { ungated } from "#shared/targets/gate.ts";
import { type Answer, type SeenRequest, serve, type TestServer } from "#shared/testing/server.ts";
import { createSalesforce, type SalesforceOptions } from "../client.ts";
import { type Connect, type SalesforceConnection, salesforceConnectionSchema } from "../org/connection.ts";
import { CLIENT_NAME, ORG } from "../testing.ts";
import type { InspectableSalesforce } from "./types.ts";

/** Answers API calls; `call` counts them from 1. */
export type Api = (request: SeenRequest, call: number) => Answer | Promise<Answer>;

/** An organisation with what it saw, tokens and calls apart. */
export interface TestOrg extends TestServer {
  /** Requests to the token endpoint. */
  tokens(): SeenRequest[];
  /** All other requests. */
  calls(): SeenRequest[];
}

/** A tiny organisation: hands out tokens `token-1`, `token-2`, … unless `token` answers, and answers calls with `api`. */
export async function startOrg(api: Api, token?: () => Answer): Promise<TestOrg> {
  let tokens = 0;
  let calls = 0;
  const isToken = ({ url }: SeenRequest) => url.endsWith("/oauth2/token");
  const server: TestServer = await serve((request) => {
    if (!isToken(request)) return api(request, ++calls);
    if (token) return token();
    tokens += 1;
    return { body: { access_token: `token-${tokens}`, instance_url: server.url, id: `${server.url}/id/${ORG}/005` } };
  });
  return Object.assign(server, {
    tokens: () => server.requests.filter(isToken),
    calls: () => server.requests.filter((request) => !isToken(request)),
  });
}

export function connectionOf(loginUrl: string, members: Record<string, unknown> = {}): SalesforceConnection {
  const secret = { loginUrl, clientId: "id", clientSecret: "secret", apiVersion: "67.0", orgId: ORG };
  return salesforceConnectionSchema.parse({ ...secret, integrationClientName: CLIENT_NAME, ...members });
}

/** Our client, without a gate unless the test has one. */
export function clientBy(connect: Connect, options: Partial<SalesforceOptions> = {}): InspectableSalesforce {
  return createSalesforce(connect, { gate: ungated, orgId: ORG, ...options });
}

/** Our client for a tiny organisation. */
export function clientOf(
  { url }: { readonly url: string },
  options?: Partial<SalesforceOptions>,
): InspectableSalesforce {
  return clientBy(async () => connectionOf(url), options);
}

/** An error as REST answers it. */
export function problem(status: number, errorCode: string, message = "problem") {
  return { status, body: [{ message, errorCode }] };
}

/** What `/limits` answers, and with it the header of every answer. */
export function limitInfo(used: number, max: number): Record<string, string> {
  return { "Sforce-Limit-Info": `api-usage=${used}/${max}` };
}
