import { invalidArgument } from "./errors.ts";
import type { ListObjectsInput, ListObjectsOutput } from "./input.ts";
import { compareKeys } from "./order.ts";
import type { StoredObject } from "./store.ts";

const MAX_KEYS = 1000;

/**
 * One page of a bucket: objects, and the prefixes that stand for all keys below a delimiter.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
 * @param objects those with the prefix, in order
 * @throws AwsError `InvalidArgument` when the token is not one of ours
 */
export function listObjects(objects: readonly StoredObject[], input: ListObjectsInput): ListObjectsOutput {
  const { Prefix = "", Delimiter, ContinuationToken, StartAfter } = input;
  const most = Math.min(input.MaxKeys ?? MAX_KEYS, MAX_KEYS);
  const after = ContinuationToken === undefined ? StartAfter : decodeToken(ContinuationToken);
  const contents: StoredObject[] = [];
  const prefixes = new Set<string>();
  let last = "";
  for (const object of objects) {
    const common = commonPrefix(object.key, Prefix, Delimiter);
    if (after !== undefined && isListed(after, object.key, common)) continue;
    if (common !== undefined && prefixes.has(common)) continue;
    if (contents.length + prefixes.size === most) {
      const next = most === 0 ? {} : { NextContinuationToken: encodeToken(last) };
      return { Contents: contents, CommonPrefixes: [...prefixes], IsTruncated: most > 0, ...next };
    }
    if (common === undefined) contents.push(object);
    else prefixes.add(common);
    last = common ?? object.key;
  }
  return { Contents: contents, CommonPrefixes: [...prefixes], IsTruncated: false };
}

function commonPrefix(key: string, prefix: string, delimiter: string | undefined): string | undefined {
  if (!delimiter) return undefined;
  const at = key.indexOf(delimiter, prefix.length);
  return at < 0 ? undefined : key.slice(0, at + delimiter.length);
}

/** Whether an earlier page, or the caller, is past this key; a common prefix that was listed covers all keys below it. */
function isListed(after: string, key: string, common: string | undefined): boolean {
  if (common !== undefined && common === after) return true;
  return compareKeys(key, after) <= 0;
}

function encodeToken(last: string): string {
  return Buffer.from(`1:${last}`).toString("base64");
}

function decodeToken(token: string): string {
  const text = Buffer.from(token, "base64").toString();
  if (!text.startsWith("1:"))
    throw invalidArgument("continuation-token", token, "The continuation token provided is incorrect");
  return text.slice(2);
}
