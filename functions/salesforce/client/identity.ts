import { z } from "zod";
import { toLongId } from "../org/ids.ts";
import { readAnswer, unexpected } from "./answers.ts";
import type { Send } from "./http.ts";
import { runQuery } from "./queries.ts";
import type { Identity } from "./types.ts";

const userSchema = z.tuple([z.looseObject({ Username: z.string() })]);
const versionsSchema = z.array(z.looseObject({ version: z.string() }));

/**
 * Who a session belongs to. Its identity URL is not called: a token with the scope `api` alone may not.
 * https://help.salesforce.com/s/articleView?id=sf.remoteaccess_using_openid.htm
 */
export async function readIdentity(send: Send, identityUrl: string | undefined): Promise<Identity> {
  const [, orgId, userId] = /\/id\/(00D\w+)\/(005\w+)$/.exec(identityUrl ?? "") ?? [];
  if (!orgId || !userId) throw unexpected("a token that names its organisation and user");
  const { records } = await runQuery(send, `SELECT Username FROM User WHERE Id = '${toLongId(userId)}'`);
  const [{ Username }] = readAnswer(userSchema, records, "the session's user");
  return { userId: toLongId(userId), orgId: toLongId(orgId), username: Username };
}

/** https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_versions.htm */
export async function readVersions(send: Send): Promise<readonly string[]> {
  const { body } = await send({ method: "GET", path: "/services/data" });
  return readAnswer(versionsSchema, body, "a list of versions").map(({ version }) => version);
}
