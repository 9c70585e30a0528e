import { ACCOUNT } from "../kernel/names.ts";
import type { WireResponse } from "../kernel/service.ts";
import { checksumHeaders } from "./checksums.ts";
import { invalidArgument } from "./errors.ts";
import { attributesFrom, bodyFrom, conditionsFrom, copySource, deletionFrom, objectHeaders } from "./headers.ts";
import type { GetObjectInput, GetObjectOutput, ListObjectsInput, ListObjectsOutput, PutObjectOutput } from "./input.ts";
import { MULTIPART_ROUTES } from "./multipart-routes.ts";
import { type Call, type Route, xml } from "./route.ts";

const OVERRIDES = ["cache-control", "content-disposition", "content-encoding", "content-language", "content-type"];

/** What the twin implements; the first route that fits is taken. */
export const ROUTES: readonly Route[] = [
  ...MULTIPART_ROUTES,
  {
    operation: "CopyObject",
    method: "PUT",
    level: "object",
    header: "x-amz-copy-source",
    input: ({ bucket, key, request: { headers } }) => ({
      Bucket: bucket,
      Key: key,
      CopySource: copySource(headers),
      MetadataDirective: headers["x-amz-metadata-directive"] === "REPLACE" ? "REPLACE" : "COPY",
      ...attributesFrom(headers),
    }),
    output: ({ ETag, LastModified }) => xml("CopyObjectResult", { ETag, LastModified: LastModified.toISOString() }),
  },
  {
    operation: "PutObject",
    method: "PUT",
    level: "object",
    input: ({ bucket, key, request }) => ({
      Bucket: bucket,
      Key: key,
      ...attributesFrom(request.headers),
      ...conditionsFrom(request.headers),
      ...bodyFrom(request),
    }),
    output: ({ ETag, Checksum }: PutObjectOutput) => ({
      status: 200,
      headers: { etag: ETag, "x-amz-server-side-encryption": "AES256", ...checksumHeaders(Checksum) },
    }),
  },
  {
    operation: "GetObject",
    method: "GET",
    level: "object",
    allows: OVERRIDES.map((name) => `response-${name}`),
    input: readInput,
    output: (output: GetObjectOutput, call) => ({
      status: output.ContentRange ? 206 : 200,
      headers: { ...readHeaders(output, call), ...overrides(call) },
      body: output.Body ?? "",
    }),
  },
  {
    operation: "HeadObject",
    method: "HEAD",
    level: "object",
    input: readInput,
    output: (output: GetObjectOutput, call) => ({
      status: output.ContentRange ? 206 : 200,
      headers: readHeaders(output, call),
    }),
  },
  {
    operation: "DeleteObject",
    method: "DELETE",
    level: "object",
    input: ({ bucket, key }) => ({ Bucket: bucket, Key: key }),
    output: () => ({ status: 204 }),
  },
  {
    operation: "DeleteObjects",
    method: "POST",
    level: "bucket",
    needs: ["delete"],
    input: ({ bucket, request }) => ({ Bucket: bucket, ...deletionFrom(request) }),
    output: ({ Deleted, Errors }) => xml("DeleteResult", { Deleted, Error: Errors }),
  },
  {
    operation: "ListObjectsV2",
    method: "GET",
    level: "bucket",
    needs: ["list-type"],
    allows: ["prefix", "delimiter", "max-keys", "continuation-token", "start-after", "encoding-type", "fetch-owner"],
    input: ({ bucket, request }) => listInput(bucket, request.query),
    output: (output: ListObjectsOutput, { bucket, request }) => listing(output, listInput(bucket, request.query)),
  },
  {
    operation: "HeadBucket",
    method: "HEAD",
    level: "bucket",
    input: ({ bucket }) => ({ Bucket: bucket }),
    output: () => ({ status: 200, headers: { "x-amz-bucket-region": "us-east-1" } }),
  },
  {
    operation: "ListBuckets",
    method: "GET",
    level: "service",
    input: () => ({}),
    output: ({ Buckets }) =>
      xml("ListAllMyBucketsResult", {
        Owner: { ID: ACCOUNT },
        Buckets: { Bucket: Buckets.map((Name: string) => ({ Name })) },
      }),
  },
];

function readInput({ bucket, key, request: { headers } }: Call): GetObjectInput {
  return {
    Bucket: bucket,
    Key: key,
    ...(headers.range === undefined ? {} : { Range: headers.range }),
    ...conditionsFrom(headers),
  };
}

function readHeaders({ object, ContentLength, ContentRange }: GetObjectOutput, { request }: Call) {
  // A checksum is of the whole object: with a part of it the SDK would find a difference.
  const wanted = request.headers["x-amz-checksum-mode"] === "ENABLED" && !ContentRange;
  return {
    ...objectHeaders(object),
    "content-length": String(ContentLength),
    ...(ContentRange ? { "content-range": ContentRange } : {}),
    ...(wanted ? checksumHeaders(object.checksum) : {}),
  };
}

function overrides({ request }: Call): Record<string, string> {
  const given = OVERRIDES.map((name) => [name, request.query.get(`response-${name}`)] as const);
  return Object.fromEntries(given.filter((entry): entry is [string, string] => entry[1] !== null));
}

function listInput(bucket: string, query: URLSearchParams): ListObjectsInput {
  const optional = (member: string, name: string) => (query.has(name) ? { [member]: query.get(name) ?? "" } : {});
  const version = query.get("list-type");
  if (version !== "2") throw invalidArgument("list-type", version ?? "", "Invalid List Type specified in Request");
  const most = query.get("max-keys");
  if (most !== null && !/^\d{1,9}$/.test(most))
    throw invalidArgument("max-keys", most, "Provided max-keys not an integer or within integer range");
  return {
    Bucket: bucket,
    ...optional("Prefix", "prefix"),
    ...optional("Delimiter", "delimiter"),
    ...(most === null ? {} : { MaxKeys: Number(most) }),
    ...optional("ContinuationToken", "continuation-token"),
    ...optional("StartAfter", "start-after"),
    ...optional("EncodingType", "encoding-type"),
  };
}

function listing(output: ListObjectsOutput, input: ListObjectsInput): WireResponse {
  const written = (text: string) => (input.EncodingType === "url" ? encodeURIComponent(text) : text);
  const { Contents, CommonPrefixes, IsTruncated, NextContinuationToken } = output;
  return xml("ListBucketResult", {
    Name: input.Bucket,
    Prefix: written(input.Prefix ?? ""),
    Delimiter: input.Delimiter === undefined ? undefined : written(input.Delimiter),
    MaxKeys: Math.min(input.MaxKeys ?? 1000, 1000),
    EncodingType: input.EncodingType,
    KeyCount: Contents.length + CommonPrefixes.length,
    IsTruncated,
    ContinuationToken: input.ContinuationToken,
    NextContinuationToken,
    StartAfter: input.StartAfter === undefined ? undefined : written(input.StartAfter),
    Contents: Contents.map(({ key, lastModified, etag, size, checksum }) => ({
      Key: written(key),
      LastModified: new Date(lastModified).toISOString(),
      ETag: etag,
      ChecksumAlgorithm: checksum?.algorithm.toUpperCase(),
      Size: size,
      StorageClass: "STANDARD",
    })),
    CommonPrefixes: CommonPrefixes.map((prefix) => ({ Prefix: written(prefix) })),
  });
}
