import { once } from "node:events";
import { request } from "node:http";
import { CopyObjectCommand, GetObjectCommand, HeadObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { AwsError } from "../kernel/errors.ts";
import type { Fault } from "../kernel/kernel.ts";
import { eventually } from "../testing.ts";
import { BUCKET, keepAnswers, openFiles, type S3Bench, s3Bench } from "./harness.ts";

const Bucket = BUCKET;
const SLOW_DOWN = new AwsError("SlowDown", "Please reduce your request rate.", { status: 503 });
const onLinux = process.platform === "linux" ? test : test.skip;
let bench: S3Bench;

beforeAll(async () => {
  bench = await s3Bench();
  keepAnswers(bench.kernel);
  // Larger than any buffer on the way, so that nobody has read it to the end by chance.
  await bench.client.send(new PutObjectCommand({ Bucket, Key: "k", Body: Buffer.alloc(16 * 1024 * 1024, "x") }));
});
afterAll(() => bench.stop());

const untilClosed = () => eventually(() => (openFiles().length === 0 ? true : undefined));
const get = () => bench.client.send(new GetObjectCommand({ Bucket, Key: "k" }));
const struck = (more: Partial<Fault>) => {
  bench.kernel.faults.push({ service: "s3", operation: "GetObject", times: 1, ...more });
  return get();
};

/** A read whose caller goes away when it is answered. */
async function abandoned(): Promise<void> {
  const authorization = "AWS4-HMAC-SHA256 Credential=AKIATEST/20260101/us-east-1/s3/aws4_request, Signature=0";
  const sent = request(`${bench.gateway.origin}/${Bucket}/k`, { headers: { authorization } });
  sent.end();
  await once(sent, "response");
  expect(openFiles()).toHaveLength(1);
  sent.destroy();
}

onLinux.each<[string, () => Promise<unknown>]>([
  ["is read to the end", async () => (await get()).Body?.transformToByteArray()],
  ["is cut", () => expect(struck({ cut: true, afterEffect: true })).rejects.toThrow()],
  ["is an error after the effect", () => expect(struck({ error: SLOW_DOWN, afterEffect: true })).rejects.toThrow()],
  ["is made twice", async () => (await struck({ repeat: true })).Body?.transformToByteArray()],
  ["is only a head", () => bench.client.send(new HeadObjectCommand({ Bucket, Key: "k" }))],
  ["is abandoned", abandoned],
  ["is a copy", () => bench.client.send(new CopyObjectCommand({ Bucket, Key: "copy", CopySource: `${Bucket}/k` }))],
])("an answer that %s leaves no file open", async (_, drop) => {
  await drop();
  await untilClosed();
});
