import type { Fleet } from "../fleet.ts";

/** Calls the Salesforce REST API; `path` is relative to the version's root. */
export type SalesforceApi = <T>(method: string, path: string, body?: object) => Promise<T>;

/** Signs in to the emulated org as the person who edits accounts by hand. */
export async function signIn(fleet: Fleet): Promise<SalesforceApi> {
  const { loginUrl, clientId, clientSecret, apiVersion } = fleet.saas.salesforce.humanConnection();
  const form = { grant_type: "client_credentials", client_id: clientId, client_secret: clientSecret };
  const token = await fetch(`${loginUrl}/services/oauth2/token`, { method: "POST", body: new URLSearchParams(form) });
  const { access_token } = (await token.json()) as { access_token: string };
  return async (method, path, body) => {
    const response = await fetch(`${loginUrl}/services/data/v${apiVersion}/${path}`, {
      method,
      headers: { authorization: `Bearer ${access_token}`, "content-type": "application/json" },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`Salesforce answered ${method} ${path} with ${response.status}: ${text}`);
    return text ? JSON.parse(text) : undefined;
  };
}
