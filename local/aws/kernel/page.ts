import { AwsError } from "./errors.ts";

/** One page of a listing; `nextToken` is absent on the last page. */
export interface Page<Item> {
  readonly items: readonly Item[];
  readonly nextToken?: string;
}

/**
 * Cuts a listing into pages, as the `NextToken` members of AWS do.
 * @throws AwsError `ValidationException` when the token is not one that `page` made
 */
export function page<Item>(all: readonly Item[], limit: number | undefined, token: string | undefined): Page<Item> {
  const start = token === undefined ? 0 : Number(Buffer.from(token, "base64url").toString());
  if (!Number.isSafeInteger(start) || start < 0)
    throw new AwsError("ValidationException", "The pagination token is not valid. Start again without NextToken.");
  const end = start + (limit ?? all.length);
  const items = all.slice(start, end);
  return end < all.length ? { items, nextToken: Buffer.from(String(end)).toString("base64url") } : { items };
}
