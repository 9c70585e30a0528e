import type { Readable } from "node:stream";
import type { Expectation, StoredChecksum } from "./checksums.ts";
import type { StoredObject } from "./store.ts";

/** The inputs of the operations, as the wire and other services of the twin give them; names are the API's. */
export interface BucketInput {
  readonly Bucket: string;
}

export interface ObjectInput extends BucketInput {
  readonly Key: string;
}

export interface Conditions {
  readonly IfMatch?: string;
  readonly IfNoneMatch?: string;
  readonly IfModifiedSince?: Date;
  readonly IfUnmodifiedSince?: Date;
}

/** What is stored with an object. */
export interface AttributesInput {
  readonly ContentType?: string;
  /** Stored headers by lower-case name, such as `cache-control`. */
  readonly Headers?: Readonly<Record<string, string>>;
  readonly Metadata?: Readonly<Record<string, string>>;
}

export interface PutObjectInput extends ObjectInput, AttributesInput, Conditions {
  readonly Body?: Buffer | string | AsyncIterable<Buffer>;
  /** Bytes that the caller announced. */
  readonly announced?: number;
  /** What the caller said of the body; known once it was read. */
  readonly expected?: () => Expectation;
  /** Checksum algorithms to compute. */
  readonly algorithms?: readonly string[];
}

export interface PutObjectOutput {
  readonly ETag: string;
  readonly Checksum?: StoredChecksum;
}

export interface GetObjectInput extends ObjectInput, Conditions {
  /** `bytes=0-99`, `bytes=100-` or `bytes=-100`. */
  readonly Range?: string;
}

export interface GetObjectOutput {
  readonly object: StoredObject;
  readonly ContentLength: number;
  readonly ETag: string;
  readonly LastModified: Date;
  readonly ContentRange?: string;
  /** Absent in the answer of HeadObject. It holds a file open until it is at its end, or the call's signal aborts. */
  readonly Body?: Readable;
}

export interface CopyObjectInput extends ObjectInput, AttributesInput {
  readonly CopySource: { readonly Bucket: string; readonly Key: string };
  readonly MetadataDirective: "COPY" | "REPLACE";
}

export interface ListObjectsInput extends BucketInput {
  readonly Prefix?: string;
  readonly Delimiter?: string;
  readonly MaxKeys?: number;
  readonly ContinuationToken?: string;
  readonly StartAfter?: string;
  /** `url` encodes the keys in the answer. */
  readonly EncodingType?: "url";
}

export interface ListObjectsOutput {
  readonly Contents: readonly StoredObject[];
  readonly CommonPrefixes: readonly string[];
  readonly IsTruncated: boolean;
  readonly NextContinuationToken?: string;
}

/** What a DeleteObjects request asks for. */
export interface Deletion {
  readonly Keys: readonly string[];
  readonly Quiet: boolean;
}

export interface DeleteObjectsInput extends BucketInput {
  /** The keys stand in the body, which is read when the operation runs. @throws AwsError `MalformedXML` */
  readonly Deletion: () => Promise<Deletion>;
}
