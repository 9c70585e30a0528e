import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  NoSuchBucket,
  NoSuchKey,
  PutObjectCommand,
} from "@aws-sdk/client-s3";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { AwsError } from "../kernel/errors.ts";
import { BUCKET, type S3Bench, s3Bench } from "./harness.ts";

// https://docs.aws.amazon.com/AmazonS3/latest/API/Welcome.html
const Bucket = BUCKET;
const ARN = `arn:aws:s3:::${BUCKET}`;
let bench: S3Bench;

beforeEach(async () => {
  bench = await s3Bench();
});
afterEach(() => bench.stop());

const put = (Key: string, Body: string | Buffer = "hello", more: object = {}) =>
  bench.client.send(new PutObjectCommand({ Bucket, Key, Body, ...more }));
const text = async (Key: string, client = bench.client, more: object = {}) =>
  (await client.send(new GetObjectCommand({ Bucket, Key, ...more }))).Body?.transformToString();

describe("an object", () => {
  test("comes back with its body, type, metadata, ETag and checksum", async () => {
    const key = "a b/é+c&<d>/../x//y.txt";
    const { ETag, ChecksumCRC32 } = await put(key, "hello", { ContentType: "text/plain", Metadata: { run: "7" } });
    expect(ETag).toBe('"5d41402abc4b2a76b9719d911017c592"');
    const got = await bench.client.send(new GetObjectCommand({ Bucket, Key: key }));
    expect(await got.Body?.transformToString()).toBe("hello");
    expect(got).toMatchObject({ ETag, ChecksumCRC32, ContentType: "text/plain", Metadata: { run: "7" } });
    expect(got.LastModified).toBeInstanceOf(Date);
    const head = await bench.client.send(new HeadObjectCommand({ Bucket, Key: key }));
    expect(head).toMatchObject({ ContentLength: 5, ETag, Metadata: { run: "7" } });
    expect((await bench.client.send(new ListObjectsV2Command({ Bucket }))).Contents?.[0]?.Key).toBe(key);
  });

  test("streams in both directions, with the checksum in a trailer", async () => {
    const part = Buffer.alloc(1024 * 1024, "x");
    const Body = Readable.from(Array.from({ length: 20 }, () => part));
    await bench.client.send(new PutObjectCommand({ Bucket, Key: "large", Body, ContentLength: 20 * part.length }));
    const { Body: stream } = await bench.client.send(new GetObjectCommand({ Bucket, Key: "large" }));
    let size = 0;
    for await (const chunk of stream as Readable) size += chunk.length;
    expect(size).toBe(20 * part.length);
    const head = await bench.client.send(new HeadObjectCommand({ Bucket, Key: "large" }));
    expect(head.ContentEncoding).toBeUndefined();
  });

  test.each([
    ["bytes=1-2", "el", "bytes 1-2/5"],
    ["bytes=3-", "lo", "bytes 3-4/5"],
    ["bytes=-2", "lo", "bytes 3-4/5"],
    ["bytes=2-99", "llo", "bytes 2-4/5"],
  ])("is read in part by %s", async (Range, part, ContentRange) => {
    await put("k");
    const got = await bench.client.send(new GetObjectCommand({ Bucket, Key: "k", Range }));
    expect(got).toMatchObject({ ContentRange, ContentLength: part.length });
    expect(await got.Body?.transformToString()).toBe(part);
  });

  test("is copied, with its attributes or with others", async () => {
    await put("k", "hello", { Metadata: { a: "1" } });
    const CopySource = `${Bucket}/k`;
    const copied = await bench.client.send(new CopyObjectCommand({ Bucket, Key: "c", CopySource }));
    expect(copied.CopyObjectResult?.ETag).toBe('"5d41402abc4b2a76b9719d911017c592"');
    const replace = { Bucket, Key: "r", CopySource, MetadataDirective: "REPLACE", Metadata: { b: "2" } } as const;
    await bench.client.send(new CopyObjectCommand(replace));
    const metadata = async (Key: string) => (await bench.client.send(new HeadObjectCommand({ Bucket, Key }))).Metadata;
    expect([await metadata("c"), await metadata("r")]).toEqual([{ a: "1" }, { b: "2" }]);
  });

  test("of two writers who ask for a new one, one wins", async () => {
    const results = await Promise.allSettled([
      put("once", "a", { IfNoneMatch: "*" }),
      put("once", "b", { IfNoneMatch: "*" }),
    ]);
    expect(results.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    await expect(put("once", "c", { IfNoneMatch: "*" })).rejects.toMatchObject({ name: "PreconditionFailed" });
  });

  test("goes, alone or with others; deleting what is not there succeeds", async () => {
    for (const key of ["a", "b&<", "c"]) await put(key);
    await bench.client.send(new DeleteObjectCommand({ Bucket, Key: "a" }));
    const Objects = [{ Key: "b&<" }, { Key: "none" }];
    const answer = await bench.client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
    expect(answer.Deleted).toEqual(Objects);
    expect((await bench.client.send(new ListObjectsV2Command({ Bucket }))).Contents?.map(({ Key }) => Key)).toEqual([
      "c",
    ]);
  });
});

test("a listing has prefixes, a delimiter and pages", async () => {
  for (const key of ["a/1", "a/2", "b/1", "c"]) await put(key);
  const first = await bench.client.send(new ListObjectsV2Command({ Bucket, Delimiter: "/", MaxKeys: 2 }));
  expect(first).toMatchObject({ IsTruncated: true, KeyCount: 2, CommonPrefixes: [{ Prefix: "a/" }, { Prefix: "b/" }] });
  const ContinuationToken = first.NextContinuationToken;
  const rest = await bench.client.send(new ListObjectsV2Command({ Bucket, Delimiter: "/", ContinuationToken }));
  expect(rest).toMatchObject({ IsTruncated: false, Contents: [{ Key: "c", Size: 5, StorageClass: "STANDARD" }] });
  const below = await bench.client.send(new ListObjectsV2Command({ Bucket, Prefix: "a/", StartAfter: "a/1" }));
  expect(below.Contents?.map(({ Key }) => Key)).toEqual(["a/2"]);
});

test("the bucket may stand before the host, as the SDK writes it when the endpoint is a name", async () => {
  await put("k", "path");
  const host = `${Bucket}.localhost:${new URL(bench.gateway.origin).port}`;
  expect(await raw("/k", { host })).toEqual({ status: 200, body: "path" });
});

describe("refusals", () => {
  test("a missing key, a missing bucket, a range beyond the end", async () => {
    await expect(text("none")).rejects.toBeInstanceOf(NoSuchKey);
    await expect(bench.client.send(new HeadObjectCommand({ Bucket, Key: "none" }))).rejects.toMatchObject({
      name: "NotFound",
    });
    const elsewhere = new ListObjectsV2Command({ Bucket: "elsewhere" });
    await expect(bench.client.send(elsewhere)).rejects.toBeInstanceOf(NoSuchBucket);
    await put("k");
    await expect(text("k", bench.client, { Range: "bytes=9-" })).rejects.toMatchObject({ name: "InvalidRange" });
  });

  test.each([
    ["checksum", { ChecksumCRC32: "AAAAAA==" }, "BadDigest"],
    ["MD5", { ContentMD5: "1B2M2Y8AsgTpgAmY7PhCfg==" }, "BadDigest"],
    ["storage class", { StorageClass: "GLACIER" }, "NotImplemented"],
  ])("another %s than there is", async (_, more, name) => {
    await expect(put("k", "hello", more)).rejects.toMatchObject({ name });
    await expect(text("k")).rejects.toBeInstanceOf(NoSuchKey);
  });

  test("a key of more than 1,024 bytes", async () => {
    await expect(put("é".repeat(513))).rejects.toMatchObject({ name: "KeyTooLongError" });
  });

  test("a call that the twin does not have", async () => {
    await expect(bench.client.send(new GetObjectTaggingCommand({ Bucket, Key: "k" }))).rejects.toMatchObject({
      name: "NotImplemented",
    });
  });

  test("an injected fault, before and after the effect", async () => {
    const error = new AwsError("SlowDown", "Please reduce your request rate.", { status: 503 });
    bench.kernel.faults.push({ service: "s3", operation: "PutObject", resource: "/k", times: 1, error });
    await expect(put("k")).rejects.toMatchObject({ name: "SlowDown" });
    await expect(text("k")).rejects.toBeInstanceOf(NoSuchKey);
    bench.kernel.faults.push({ service: "s3", operation: "PutObject", times: 1, error, afterEffect: true });
    await expect(put("k")).rejects.toMatchObject({ name: "SlowDown" });
    expect(await text("k")).toBe("hello");
  });
});

describe("permissions", () => {
  test("are asked for each object; only who may list learns that one is missing", async () => {
    await put("in/1");
    const Resource = `${ARN}/in/*`;
    const reader = await bench.as({ Effect: "Allow", Action: "s3:GetObject", Resource });
    expect(await text("in/1", reader)).toBe("hello");
    await expect(text("out/1", reader)).rejects.toMatchObject({ name: "AccessDenied" });
    await expect(text("in/none", reader)).rejects.toMatchObject({
      name: "AccessDenied",
      message: expect.stringContaining("s3:ListBucket"),
    });
    await expect(reader.send(new PutObjectCommand({ Bucket, Key: "in/1", Body: "x" }))).rejects.toMatchObject({
      name: "AccessDenied",
      message: expect.stringContaining("s3:PutObject"),
    });
    const lister = await bench.as({ Effect: "Allow", Action: ["s3:GetObject", "s3:ListBucket"], Resource: "*" });
    await expect(text("in/none", lister)).rejects.toBeInstanceOf(NoSuchKey);
  });

  test("to list may hold for a prefix only", async () => {
    const Condition = { StringLike: { "s3:prefix": "in/*" } };
    const lister = await bench.as({ Effect: "Allow", Action: "s3:ListBucket", Resource: ARN, Condition });
    expect(await lister.send(new ListObjectsV2Command({ Bucket, Prefix: "in/x" }))).toMatchObject({ KeyCount: 0 });
    await expect(lister.send(new ListObjectsV2Command({ Bucket }))).rejects.toMatchObject({ name: "AccessDenied" });
  });

  test("to delete are asked for each of many keys", async () => {
    for (const key of ["in/1", "out/1"]) await put(key);
    const deleter = await bench.as({ Effect: "Allow", Action: "s3:DeleteObject", Resource: `${ARN}/in/*` });
    const Delete = { Objects: [{ Key: "in/1" }, { Key: "out/1" }] };
    const answer = await deleter.send(new DeleteObjectsCommand({ Bucket, Delete }));
    expect(answer).toMatchObject({ Deleted: [{ Key: "in/1" }], Errors: [{ Key: "out/1", Code: "AccessDenied" }] });
    expect(await text("out/1")).toBe("hello");
  });
});

test("with a state folder the objects outlive the twin, without one nothing is left", async () => {
  const stateDir = mkdtempSync(join(tmpdir(), "twin-test-"));
  try {
    const before = await s3Bench({ stateDir });
    for (const Body of ["old", "new"])
      await before.client.send(new PutObjectCommand({ Bucket, Key: "k", Body, Metadata: { a: "1" } }));
    await before.stop();
    expect(readdirSync(join(stateDir, "s3"))).toHaveLength(1);
    const after = await s3Bench({ stateDir });
    expect(await text("k", after.client)).toBe("new");
    expect((await after.client.send(new HeadObjectCommand({ Bucket, Key: "k" }))).Metadata).toEqual({ a: "1" });
    await after.stop();
  } finally {
    rmSync(stateDir, { recursive: true });
  }
});

/** A request that no SDK makes for us: the host name need not resolve. */
function raw(path: string, headers: Record<string, string>): Promise<{ status: number; body: string }> {
  const authorization = "AWS4-HMAC-SHA256 Credential=AKIATEST/20260101/us-east-1/s3/aws4_request, Signature=0";
  return new Promise((resolve, reject) => {
    const sent = request(bench.gateway.origin + path, { headers: { authorization, ...headers } }, (answer) => {
      let body = "";
      answer.on("data", (chunk) => {
        body += chunk;
      });
      answer.on("end", () => resolve({ status: answer.statusCode ?? 0, body }));
    });
    sent.on("error", reject);
    sent.end();
  });
}
