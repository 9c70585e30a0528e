import type { Kernel } from "../kernel/kernel.ts";
import type { Access, PolicyDocument, Principal } from "../kernel/service.ts";
import { noSuchBucket, noSuchKey } from "./errors.ts";
import type { ObjectStore, StoredObject } from "./store.ts";

export function bucketArn(bucket: string): string {
  return `arn:aws:s3:::${bucket}`;
}

/** The buckets with their policies, as the operations use them. */
export interface S3Context {
  readonly kernel: Kernel;
  readonly store: ObjectStore;
  readonly policies: Map<string, PolicyDocument>;
  /** Bytes of an upload, or of one part of it. */
  readonly largestUpload: number;
}

/** The question to IAM for an object. */
export function onObject({ policies }: S3Context, action: string, bucket: string, key: string): Access {
  const resourcePolicy = policies.get(bucket);
  return {
    action: `s3:${action}`,
    resource: `${bucketArn(bucket)}/${key}`,
    ...(resourcePolicy ? { resourcePolicy } : {}),
  };
}

/** The question to IAM for a bucket. */
export function onBucket(
  { policies }: S3Context,
  action: string,
  bucket: string,
  conditions: Readonly<Record<string, string>> = {},
): Access {
  const resourcePolicy = policies.get(bucket);
  return {
    action: `s3:${action}`,
    resource: bucketArn(bucket),
    conditions,
    ...(resourcePolicy ? { resourcePolicy } : {}),
  };
}

/** @throws AwsError `NoSuchBucket` */
export function requireBucket({ store }: S3Context, bucket: string): void {
  if (!store.hasBucket(bucket)) throw noSuchBucket(bucket);
}

/**
 * An object that must be there. Whoever may not list the bucket is not told that it is missing.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
 * @throws AwsError `NoSuchBucket`, `NoSuchKey`, `AccessDeniedException` in place of the latter
 */
export function requireObject(context: S3Context, principal: Principal, bucket: string, key: string): StoredObject {
  requireBucket(context, bucket);
  const object = context.store.find(bucket, key);
  if (object) return object;
  context.kernel.identities.authorize(principal, onBucket(context, "ListBucket", bucket));
  throw noSuchKey(key);
}
