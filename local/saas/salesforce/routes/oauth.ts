import { grantToken, identityOf, revokeToken, userOfToken } from "../oauth.ts";
import type { Org } from "../org.ts";
import { type App, apiVersions, type Context, json } from "./call.ts";

/** Token, revoke, userinfo, identity and the list of versions: what needs no API session. */
export function installOAuth(app: App, org: Org, baseUrl: string): void {
  app.post("/services/oauth2/token", async (c) => {
    const form = new URLSearchParams(await c.req.text());
    return json(c, grantToken(org, baseUrl, form, basicOf(c)));
  });

  app.post("/services/oauth2/revoke", async (c) => {
    const form = new URLSearchParams(await c.req.text());
    revokeToken(org, form.get("token") ?? c.req.query("token") ?? null);
    return c.body(null, 200);
  });

  app.get("/services/oauth2/userinfo", (c) => {
    const user = userOfToken(org, tokenOf(c));
    if (!user) return c.text("Bad_OAuth_Token", 403);
    return json(c, identityOf(org, baseUrl, user));
  });

  app.get("/id/:orgId/:userId", (c) => {
    const user = userOfToken(org, tokenOf(c));
    if (!user) return c.text("Bad_OAuth_Token", 403);
    if (c.req.param("orgId") !== org.state.orgId || c.req.param("userId") !== user.Id) return c.text("Wrong_Org", 403);
    return json(c, identityOf(org, baseUrl, user));
  });

  app.get("/services/data", (c) =>
    json(
      c,
      apiVersions().map((number) => ({
        label: releaseName(number),
        url: `/services/data/v${number}.0`,
        version: `${number}.0`,
      })),
    ),
  );
}

function basicOf(c: Context): string | undefined {
  const encoded = /^Basic (.+)$/.exec(c.req.header("authorization") ?? "")?.[1];
  return encoded && Buffer.from(encoded, "base64").toString();
}

function tokenOf(c: Context): string | undefined {
  return /^(?:Bearer|OAuth) (.+)$/.exec(c.req.header("authorization") ?? "")?.[1] ?? c.req.query("oauth_token");
}

/** Three releases a year: 66 is Spring '26. */
function releaseName(version: number): string {
  const season = ["Spring", "Summer", "Winter"][version % 3] ?? "";
  const year = 26 + Math.floor((version - 66) / 3) + (version % 3 === 2 ? 1 : 0);
  return `${season} '${year}`;
}
