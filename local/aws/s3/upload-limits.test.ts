import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { type ClientRequest, type IncomingMessage, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { CreateMultipartUploadCommand, PutObjectCommand, UploadPartCommand } from "@aws-sdk/client-s3";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { BUCKET, type S3Bench, s3Bench } from "./harness.ts";

// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
const MOST = 1024 * 1024;
const object = { Bucket: BUCKET, Key: "k" };
const tooLarge = { name: "EntityTooLarge", MaxSizeAllowed: String(MOST), $metadata: { httpStatusCode: 400 } };
let stateDir: string;
let bench: S3Bench;

beforeEach(async () => {
  stateDir = mkdtempSync(join(tmpdir(), "twin-test-"));
  bench = await s3Bench({ stateDir, largestUpload: MOST });
});
afterEach(async () => {
  await bench.stop();
  rmSync(stateDir, { recursive: true });
});

const put = (size: number) => bench.client.send(new PutObjectCommand({ ...object, Body: Buffer.alloc(size) }));
/** A request of which the test sends the body. */
function upload(headers: object): ClientRequest {
  const authorization = "AWS4-HMAC-SHA256 Credential=AKIATEST/20260101/us-east-1/s3/aws4_request, Signature=0";
  const sent = request(`${bench.gateway.origin}/${BUCKET}/k`, {
    method: "PUT",
    headers: { authorization, ...headers },
  });
  sent.on("error", () => undefined); // the rest of the body is not wanted
  return sent;
}
const answerTo = async (sent: ClientRequest) => {
  const [answer] = (await once(sent, "response")) as [IncomingMessage];
  return { status: answer.statusCode, body: await text(answer) };
};

test("an upload, or a part of one, is as large as allowed and no larger", async () => {
  await put(MOST);
  await expect(put(MOST + 1)).rejects.toMatchObject(tooLarge);
  const { UploadId } = await bench.client.send(new CreateMultipartUploadCommand(object));
  const part = (size: number) =>
    bench.client.send(new UploadPartCommand({ ...object, UploadId, PartNumber: 1, Body: Buffer.alloc(size) }));
  await part(MOST);
  await expect(part(MOST + 1)).rejects.toMatchObject(tooLarge);
  const kept = readdirSync(join(stateDir, "s3"));
  expect(kept).toHaveLength(2); // the object and the part
});

test("who announces too much is answered before a byte of it is read", async () => {
  const sent = upload({ "content-length": 6 * 1024 ** 3 });
  sent.flushHeaders();
  const { status, body } = await answerTo(sent);
  expect([status, body]).toEqual([400, expect.stringContaining("<Code>EntityTooLarge</Code>")]);
});

test("who announces nothing is stopped on the way, and nothing is left on the disk", async () => {
  const sent = upload({ "transfer-encoding": "chunked" });
  const answered = answerTo(sent);
  for (let size = 0; size <= MOST; size += MOST / 4) sent.write(Buffer.alloc(MOST / 4));
  const { status, body } = await answered;
  expect([status, body]).toEqual([400, expect.stringContaining("<Code>EntityTooLarge</Code>")]);
  expect(readdirSync(join(stateDir, "s3"))).toEqual([]);
});
