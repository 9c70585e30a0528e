import { z } from "zod";
import { type Control, ControlError, parseControl } from "../../front/control.ts";
import { logInWithRefreshToken, OAuthError, revokeRefreshTokens, USER_PASSWORD } from "../oauth.ts";
import type { Org } from "../org.ts";
import { HUMAN_USER } from "../state.ts";

const settings = z.strictObject({
  rotatesRefreshTokens: z.boolean().optional(),
  allowsPasswordGrant: z.boolean().optional(),
  /** Host name under which the org is found from now on, such as `localhost`; null goes back. */
  instanceHost: z.string().nullable().optional(),
});
const login = z.strictObject({ username: z.string().default(HUMAN_USER) });

/** Controls of logins: rotation, the password flow, a new address of the org, and logins through the browser. */
export function oauthControls(current: () => Org, persist: () => Promise<void>, baseUrl: string): readonly Control[] {
  const changing = (work: (org: Org, input: unknown) => unknown) => async (input: unknown) => {
    const output = work(current(), input);
    await persist();
    return output;
  };
  return [
    {
      method: "POST",
      path: "oauth",
      run: changing((org, input) => change(org, parseControl(settings, input), baseUrl)),
    },
    {
      method: "POST",
      path: "oauth/login",
      run: changing((org, input) => logIn(org, parseControl(login, input).username, baseUrl)),
    },
    { method: "POST", path: "tokens/revoke-refresh", run: changing((org) => ({ revoked: revokeRefreshTokens(org) })) },
  ];
}

function change(org: Org, { instanceHost, ...flags }: z.output<typeof settings>, baseUrl: string): unknown {
  const { oauth } = org.state.rest;
  Object.assign(oauth, flags);
  if (instanceHost !== undefined) oauth.instanceUrl = instanceHost === null ? null : moved(baseUrl, instanceHost);
  const { rotatesRefreshTokens, allowsPasswordGrant, instanceUrl } = oauth;
  return { rotatesRefreshTokens, allowsPasswordGrant, instanceUrl: instanceUrl ?? baseUrl, password: USER_PASSWORD };
}

function moved(baseUrl: string, host: string): string {
  const url = new URL(baseUrl);
  url.hostname = host;
  return url.origin;
}

function logIn(org: Org, username: string, baseUrl: string): unknown {
  try {
    return logInWithRefreshToken(org, baseUrl, username);
  } catch (error) {
    if (error instanceof OAuthError) throw new ControlError(`${username} cannot log in: ${error.message}`);
    throw error;
  }
}
