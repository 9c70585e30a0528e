import { AwsError } from "../kernel/errors.ts";
import { preconditionFailed } from "./errors.ts";
import type { Conditions } from "./input.ts";
import type { StoredObject } from "./store.ts";

/** The first and the last byte of an answer, both included. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * The bytes that a `Range` header asks for; `undefined` for the whole object, as S3 treats a header it cannot read.
 * @throws AwsError `InvalidRange`
 */
export function byteRange(header: string | undefined, size: number): ByteRange | undefined {
  const [, first = "", last = ""] = /^bytes=(\d*)-(\d*)$/.exec(header ?? "") ?? [];
  if (first === "" && last === "") return undefined;
  const start = first === "" ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === "" || last === "" ? size - 1 : Math.min(Number(last), size - 1);
  if (first !== "" && last !== "" && Number(last) < Number(first)) return undefined;
  if (start > end)
    throw new AwsError("InvalidRange", "The requested range is not satisfiable", {
      status: 416,
      body: { RangeRequested: header, ActualObjectSize: size },
    });
  return { start, end };
}

/**
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-reads.html
 * @throws AwsError `PreconditionFailed`, `NotModified` (304)
 */
export function checkReadConditions({ etag, lastModified }: StoredObject, conditions: Conditions): void {
  const { IfMatch, IfNoneMatch, IfModifiedSince, IfUnmodifiedSince } = conditions;
  // Headers count seconds only.
  const changed = Math.floor(lastModified / 1000) * 1000;
  if (IfMatch !== undefined && !lists(IfMatch, etag)) throw preconditionFailed("If-Match");
  if (IfMatch === undefined && IfUnmodifiedSince && changed > IfUnmodifiedSince.getTime())
    throw preconditionFailed("If-Unmodified-Since");
  const same = IfNoneMatch !== undefined && lists(IfNoneMatch, etag);
  const unmodified = IfNoneMatch === undefined && IfModifiedSince && changed <= IfModifiedSince.getTime();
  if (same || unmodified) throw new AwsError("NotModified", "Not Modified", { status: 304 });
}

/**
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
 * @throws AwsError `PreconditionFailed`
 */
export function checkWriteConditions(older: StoredObject | undefined, { IfMatch, IfNoneMatch }: Conditions): void {
  if (IfNoneMatch !== undefined && older) throw preconditionFailed("If-None-Match");
  if (IfMatch !== undefined && !(older && lists(IfMatch, older.etag))) throw preconditionFailed("If-Match");
}

function lists(header: string, etag: string): boolean {
  return header
    .split(",")
    .some((one) => one.trim() === "*" || one.trim().replaceAll('"', "") === etag.replaceAll('"', ""));
}
