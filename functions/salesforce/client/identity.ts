import { z } from "zod";
import { readAnswer } from "./answers.ts";
import type { Send } from "./http.ts";
import type { Identity } from "./types.ts";

const identitySchema = z.looseObject({
  user_id: z.string(),
  organization_id: z.string(),
  preferred_username: z.string(),
});
const versionsSchema = z.array(z.looseObject({ version: z.string() }));

/** https://help.salesforce.com/s/articleView?id=sf.remoteaccess_using_userinfo_endpoint.htm */
export async function readIdentity(send: Send): Promise<Identity> {
  const { body } = await send({ method: "GET", path: "/services/oauth2/userinfo" });
  const user = readAnswer(identitySchema, body, "who the user is");
  return { userId: user.user_id, orgId: user.organization_id, username: user.preferred_username };
}

/** https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_versions.htm */
export async function readVersions(send: Send): Promise<readonly string[]> {
  const { body } = await send({ method: "GET", path: "/services/data" });
  return readAnswer(versionsSchema, body, "a list of versions").map(({ version }) => version);
}
