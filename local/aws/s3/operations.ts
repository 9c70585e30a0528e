import type { Readable } from "node:stream";
import { AwsError } from "../kernel/errors.ts";
import type { CallContext, Operation } from "../kernel/service.ts";
import { onBucket, onObject, requireBucket, requireObject, type S3Context } from "./access.ts";
import { type Expectation, verified } from "./checksums.ts";
import { checkKey, entityTooLarge } from "./errors.ts";
import type {
  AttributesInput,
  BucketInput,
  CopyObjectInput,
  DeleteObjectsInput,
  Deletion,
  GetObjectInput,
  GetObjectOutput,
  ListObjectsInput,
  ListObjectsOutput,
  ObjectInput,
  PutObjectInput,
  PutObjectOutput,
} from "./input.ts";
import { listObjects } from "./list.ts";
import { byteRange, checkReadConditions, checkWriteConditions } from "./read.ts";
import type { ObjectAttributes } from "./store.ts";

const DEFAULT_TYPE = "binary/octet-stream";

/** Operations on objects. https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations_Amazon_Simple_Storage_Service.html */
export function objectOperations(context: S3Context): Record<string, Operation> {
  const { store } = context;
  const PutObject: Operation<PutObjectInput, PutObjectOutput> = {
    access: ({ Bucket, Key }) => [onObject(context, "PutObject", Bucket, Key)],
    run: (input) => putObject(context, input),
  };
  const GetObject: Operation<GetObjectInput, GetObjectOutput> = {
    access: ({ Bucket, Key }) => [onObject(context, "GetObject", Bucket, Key)],
    run: (input, call) => getObject(context, input, call, true),
  };
  const HeadObject: Operation<GetObjectInput, GetObjectOutput> = {
    access: GetObject.access,
    run: (input, call) => getObject(context, input, call, false),
  };
  const CopyObject: Operation<CopyObjectInput, { readonly ETag: string; readonly LastModified: Date }> = {
    access: ({ Bucket, Key, CopySource }) => [
      onObject(context, "PutObject", Bucket, Key),
      onObject(context, "GetObject", CopySource.Bucket, CopySource.Key),
    ],
    run: (input, call) => copyObject(context, input, call),
  };
  const DeleteObject: Operation<ObjectInput> = {
    access: ({ Bucket, Key }) => [onObject(context, "DeleteObject", Bucket, Key)],
    run: ({ Bucket, Key }) => {
      requireBucket(context, Bucket);
      store.delete(Bucket, Key);
      return {};
    },
  };
  const DeleteObjects: Operation<DeleteObjectsInput> = {
    access: () => [], // asked for each key: those that are refused are listed, the others deleted
    run: async ({ Bucket, Deletion }, call) => {
      requireBucket(context, Bucket);
      return deleteObjects(context, Bucket, await Deletion(), call);
    },
  };
  const ListObjectsV2: Operation<ListObjectsInput, ListObjectsOutput> = {
    access: ({ Bucket, Prefix = "", Delimiter, MaxKeys }) => [
      onBucket(context, "ListBucket", Bucket, {
        "s3:prefix": Prefix,
        ...(Delimiter === undefined ? {} : { "s3:delimiter": Delimiter }),
        ...(MaxKeys === undefined ? {} : { "s3:max-keys": String(MaxKeys) }),
      }),
    ],
    run: (input) => {
      requireBucket(context, input.Bucket);
      return listObjects(store.list(input.Bucket, input.Prefix ?? ""), input);
    },
  };
  const HeadBucket: Operation<BucketInput> = {
    access: ({ Bucket }) => [onBucket(context, "ListBucket", Bucket)],
    run: ({ Bucket }) => {
      requireBucket(context, Bucket);
      return {};
    },
  };
  const ListBuckets: Operation = {
    access: () => [{ action: "s3:ListAllMyBuckets", resource: "arn:aws:s3:::*" }],
    run: () => ({ Buckets: store.buckets() }),
  };
  return {
    PutObject,
    GetObject,
    HeadObject,
    CopyObject,
    DeleteObject,
    DeleteObjects,
    ListObjectsV2,
    HeadBucket,
    ListBuckets,
  };
}

async function putObject(context: S3Context, input: PutObjectInput): Promise<PutObjectOutput> {
  const { store } = context;
  const { Bucket, Key, expected = (): Expectation => ({}), algorithms = [] } = input;
  requireBucket(context, Bucket);
  checkKey(Key);
  const draft = await store.write(Bucket, Key, verified(bodyOf(input, context), algorithms, expected));
  try {
    // Asked and published in one go: of two writers with If-None-Match, one wins.
    checkWriteConditions(store.find(Bucket, Key), input);
    const { checksum } = expected();
    const { etag } = draft.publish({ ...attributesOf(input), ...(checksum ? { checksum } : {}) });
    return { ETag: etag, ...(checksum ? { Checksum: checksum } : {}) };
  } catch (cause) {
    await draft.discard();
    throw cause;
  }
}

/** The stored attributes of an object from what a caller gave. */
export function attributesOf({ ContentType, Headers, Metadata }: AttributesInput): ObjectAttributes {
  return { contentType: ContentType ?? DEFAULT_TYPE, headers: Headers ?? {}, metadata: Metadata ?? {} };
}

/**
 * A body in pieces, in whatever form it was given.
 * @throws AwsError `EntityTooLarge`, before anything is read of a body that says it is larger
 */
export async function* bodyOf(
  { Body = "", announced = 0 }: PutObjectInput,
  { largestUpload }: S3Context,
): AsyncGenerator<Buffer> {
  if (announced > largestUpload) throw entityTooLarge(largestUpload);
  let size = 0;
  for await (const chunk of typeof Body === "string" || Buffer.isBuffer(Body) ? [Buffer.from(Body)] : Body) {
    size += chunk.length;
    if (size > largestUpload) throw entityTooLarge(largestUpload);
    yield chunk;
  }
}

async function getObject(
  context: S3Context,
  input: GetObjectInput,
  { principal, signal }: CallContext,
  withBody: boolean,
): Promise<GetObjectOutput> {
  const object = requireObject(context, principal, input.Bucket, input.Key);
  checkReadConditions(object, input);
  const { size, etag, lastModified } = object;
  const range = byteRange(input.Range, size);
  const { start, end } = range ?? { start: 0, end: size - 1 };
  return {
    object,
    ContentLength: end - start + 1,
    ETag: etag,
    LastModified: new Date(lastModified),
    ...(range ? { ContentRange: `bytes ${start}-${end}/${size}` } : {}),
    ...(withBody ? { Body: heldBy(signal, await context.store.read(object, start, end)) } : {}),
  };
}

/** Whoever drops an answer does not know that it holds a file: it is let go of when the call is over. */
function heldBy(signal: AbortSignal | undefined, body: Readable): Readable {
  if (signal?.aborted) return body.destroy();
  signal?.addEventListener("abort", () => body.destroy(), { once: true });
  return body;
}

async function copyObject(context: S3Context, input: CopyObjectInput, { principal }: CallContext) {
  const { store } = context;
  const source = requireObject(context, principal, input.CopySource.Bucket, input.CopySource.Key);
  requireBucket(context, input.Bucket);
  checkKey(input.Key);
  const replaced = input.MetadataDirective === "REPLACE";
  if (!replaced && source.bucket === input.Bucket && source.key === input.Key)
    throw new AwsError(
      "InvalidRequest",
      "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
    );
  const body = await store.read(source);
  const draft = await store.write(input.Bucket, input.Key, body).finally(() => body.destroy());
  const { contentType, headers, metadata, checksum } = source;
  const attributes = replaced ? attributesOf(input) : { contentType, headers, metadata };
  const { etag, lastModified } = draft.publish({ ...attributes, ...(checksum ? { checksum } : {}) });
  return { ETag: etag, LastModified: new Date(lastModified) };
}

function deleteObjects(context: S3Context, bucket: string, { Keys, Quiet }: Deletion, { principal }: CallContext) {
  const deleted: { Key: string }[] = [];
  const errors: { Key: string; Code: string; Message: string }[] = [];
  for (const Key of Keys) {
    try {
      context.kernel.identities.authorize(principal, onObject(context, "DeleteObject", bucket, Key));
      context.store.delete(bucket, Key);
      if (!Quiet) deleted.push({ Key });
    } catch (cause) {
      if (!(cause instanceof AwsError)) throw cause;
      errors.push({ Key, Code: cause.queryCode ?? cause.code, Message: cause.message });
    }
  }
  return { Deleted: deleted, Errors: errors };
}
