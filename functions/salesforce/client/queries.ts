import { z } from "zod";
import { InvalidInputError } from "#shared/errors.ts";
import { readAnswer } from "./answers.ts";
import type { Send } from "./http.ts";
import type { QueryPage } from "./types.ts";

/** Longer requests are answered with 414: https://developer.salesforce.com/docs/atlas.en-us.salesforce_app_limits_cheatsheet.meta/salesforce_app_limits_cheatsheet/salesforce_app_limits_platform_api.htm */
const MAX_PATH_BYTES = 16_000;

const pageSchema = z.looseObject({
  records: z.array(z.looseObject({})),
  totalSize: z.number(),
  done: z.boolean(),
});

/**
 * The first page of a SOQL query, as Salesforce cuts it. jsforce's own query cuts a list off at 10,000 without a word.
 * @throws InvalidInputError when the query is too long for a URL
 */
export async function runQuery<T = Record<string, unknown>>(
  send: Send,
  soql: string,
  { deleted = false }: { deleted?: boolean } = {},
): Promise<QueryPage<T>> {
  const path = `/${deleted ? "queryAll" : "query"}?q=${encodeURIComponent(soql)}`;
  if (path.length > MAX_PATH_BYTES)
    throw new InvalidInputError(
      "SOQL_TOO_LONG",
      `The query takes ${path.length} bytes in the URL, more than ${MAX_PATH_BYTES}; split its lists.`,
    );
  const { body } = await send({ method: "GET", path });
  const { records, totalSize, done } = readAnswer(pageSchema, body, "a page of query results");
  return { records: records as T[], totalSize, done };
}
