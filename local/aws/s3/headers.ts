import { AwsError } from "../kernel/errors.ts";
import { ACCOUNT } from "../kernel/names.ts";
import type { StreamingRequest } from "../kernel/service.ts";
import { checksumOf, type Expectation, verified } from "./checksums.ts";
import { decodeChunked } from "./chunked.ts";
import { invalidArgument, notImplemented } from "./errors.ts";
import type { AttributesInput, Conditions, Deletion } from "./input.ts";
import type { CompletedPart } from "./multipart.ts";
import type { StoredObject } from "./store.ts";
import { readList, readText } from "./xml.ts";

type Headers = Readonly<Record<string, string>>;

const METADATA = "x-amz-meta-";
/** Headers that are given back as they came. */
const STORED = ["cache-control", "content-disposition", "content-encoding", "content-language", "expires"];
/** `x-amz-*` headers that ask for nothing but what the twin does. */
const UNDERSTOOD =
  /^x-amz-(meta-.*|checksum-.*|sdk-checksum-algorithm|content-sha256|date|security-token|trailer|decoded-content-length|user-agent|copy-source|metadata-directive|expected-bucket-owner|request-payer|target)$/;
/** Headers of which only one value is what the twin does anyway. */
const ONLY: Headers = { "x-amz-storage-class": "STANDARD", "x-amz-server-side-encryption": "AES256" };

/**
 * What is stored with an object.
 * @throws AwsError `NotImplemented` for a header that asks for more than the twin's S3 does
 */
export function attributesFrom(headers: Headers): AttributesInput {
  for (const [name, value] of Object.entries(headers))
    if (name.startsWith("x-amz-") && !UNDERSTOOD.test(name) && ONLY[name] !== value)
      throw notImplemented(`the header ${name}: ${value}`);
  const owner = headers["x-amz-expected-bucket-owner"];
  if (owner !== undefined && owner !== ACCOUNT) throw new AwsError("AccessDenied", "Access Denied", { status: 403 });
  const metadata = Object.entries(headers).filter(([name]) => name.startsWith(METADATA));
  const stored = STORED.map((name) => [name, storedValue(name, headers[name])] as const);
  return {
    ...(headers["content-type"] === undefined ? {} : { ContentType: headers["content-type"] }),
    Headers: Object.fromEntries(stored.filter((entry): entry is [string, string] => Boolean(entry[1]))),
    Metadata: Object.fromEntries(metadata.map(([name, value]) => [name.slice(METADATA.length), value])),
  };
}

/** `aws-chunked` is how the body travels, not what is stored. */
function storedValue(name: string, value: string | undefined): string | undefined {
  if (name !== "content-encoding" || value === undefined) return value;
  const encodings = value.split(",").map((one) => one.trim());
  return encodings.filter((one) => one !== "aws-chunked").join(",");
}

export function conditionsFrom(headers: Headers): Conditions {
  const { "if-match": match, "if-none-match": noneMatch } = headers;
  const { "if-modified-since": modified, "if-unmodified-since": unmodified } = headers;
  return {
    ...(match === undefined ? {} : { IfMatch: match }),
    ...(noneMatch === undefined ? {} : { IfNoneMatch: noneMatch }),
    ...(modified === undefined ? {} : { IfModifiedSince: new Date(modified) }),
    ...(unmodified === undefined ? {} : { IfUnmodifiedSince: new Date(unmodified) }),
  };
}

interface BodyInput {
  readonly Body: AsyncIterable<Buffer>;
  readonly expected: () => Expectation;
  readonly algorithms: readonly string[];
  readonly announced?: number;
}

/** The body of an upload, freed of the aws-chunked encoding, and what the caller says of it. */
export function bodyFrom({ headers, body }: StreamingRequest): BodyInput {
  const sha256 = headers["x-amz-content-sha256"];
  const chunked = sha256?.startsWith("STREAMING-") || (headers["content-encoding"] ?? "").includes("aws-chunked");
  const { body: Body, trailers } = chunked ? decodeChunked(body) : { body, trailers: {} };
  const trailer = headers["x-amz-trailer"]?.replace("x-amz-checksum-", "");
  const given = checksumOf(headers);
  const algorithms = [trailer, given?.algorithm].filter((name) => name !== undefined);
  const expected = () => {
    const checksum = given ?? checksumOf(trailers);
    return {
      ...(headers["content-md5"] === undefined ? {} : { md5: headers["content-md5"] }),
      ...(sha256 && /^[0-9a-f]{64}$/.test(sha256) ? { sha256 } : {}),
      ...(checksum ? { checksum } : {}),
    };
  };
  const decoded = headers["x-amz-decoded-content-length"];
  const announced = Number(decoded ?? headers["content-length"] ?? Number.NaN);
  const length = Number.isNaN(announced) ? {} : { announced };
  return { Body: sized(Body, decoded), expected, algorithms, ...length };
}

/** @throws AwsError `IncompleteBody` when the body has not the length that was announced */
async function* sized(body: AsyncIterable<Buffer>, announced: string | undefined): AsyncGenerator<Buffer> {
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    yield chunk;
  }
  if (announced !== undefined && size !== Number(announced))
    throw new AwsError(
      "IncompleteBody",
      "You did not provide the number of bytes specified by the x-amz-decoded-content-length header",
    );
}

/** @throws AwsError `InvalidArgument` */
export function copySource(headers: Headers): { Bucket: string; Key: string } {
  const given = headers["x-amz-copy-source"] ?? "";
  const [, Bucket, Key] = /^\/?([^/]+)\/(.+)$/.exec(decodeURIComponent(given)) ?? [];
  if (!Bucket || !Key || given.includes("?versionId="))
    throw invalidArgument(
      "x-amz-copy-source",
      given,
      "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
    );
  return { Bucket, Key };
}

const MAX_DELETIONS = 1000;
const MAX_XML_BYTES = 2 * 1024 * 1024;

/** The keys of a DeleteObjects request; they are read when the operation runs. */
export function deletionFrom(request: StreamingRequest): { readonly Deletion: () => Promise<Deletion> } {
  return { Deletion: () => readDeletion(request) };
}

async function readDeletion(request: StreamingRequest): Promise<Deletion> {
  const { Body, expected, algorithms } = bodyFrom(request);
  const text = await smallText(verified(Body, algorithms, expected));
  const objects = readList(text, "Delete", "Object");
  if (objects.length === 0 || objects.length > MAX_DELETIONS || objects.some(({ Key }) => !Key))
    throw new AwsError("MalformedXML", `A deletion names 1 to ${MAX_DELETIONS} objects by their keys.`);
  if (objects.some(({ VersionId }) => VersionId !== undefined)) throw notImplemented("versions of objects");
  return { Keys: objects.map(({ Key = "" }) => Key), Quiet: readText(text, "Quiet") === "true" };
}

/** The parts that a CompleteMultipartUpload request names. */
export function partsFrom(request: StreamingRequest): () => Promise<readonly CompletedPart[]> {
  return async () => {
    const { Body, expected, algorithms } = bodyFrom(request);
    const text = await smallText(verified(Body, algorithms, expected));
    const parts = readList(text, "CompleteMultipartUpload", "Part");
    if (parts.length === 0) throw new AwsError("MalformedXML", "A completed upload names at least one part.");
    return parts.map(({ PartNumber, ETag = "" }) => ({ PartNumber: Number(PartNumber), ETag }));
  };
}

/** A small body as text. @throws AwsError `MaxMessageLengthExceeded` */
async function smallText(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > MAX_XML_BYTES) throw new AwsError("MaxMessageLengthExceeded", "Your request was too large.");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** The headers of an object in the answer to a read. */
export function objectHeaders({ etag, contentType, headers, metadata, lastModified }: StoredObject) {
  const own = Object.entries(metadata).map(([name, value]) => [`${METADATA}${name}`, value]);
  return {
    ...headers,
    ...Object.fromEntries(own),
    "accept-ranges": "bytes",
    "content-type": contentType,
    etag,
    "last-modified": new Date(lastModified).toUTCString(),
    "x-amz-server-side-encryption": "AES256",
  };
}
