import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { BUCKET, type S3Bench, s3Bench } from "./harness.ts";

// https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
const object = { Bucket: BUCKET, Key: "large" };
const FIVE_MIB = Buffer.alloc(5 * 1024 * 1024, "a");
let bench: S3Bench;

beforeEach(async () => {
  bench = await s3Bench();
});
afterEach(() => bench.stop());

const begin = async () =>
  (await bench.client.send(new CreateMultipartUploadCommand({ ...object, ContentType: "text/plain" }))).UploadId;

const part = async (UploadId: string | undefined, PartNumber: number, Body: Buffer | string) => {
  const command = new UploadPartCommand({ ...object, UploadId, PartNumber, Body });
  return { PartNumber, ETag: (await bench.client.send(command)).ETag };
};

const complete = (UploadId: string | undefined, Parts: { PartNumber: number; ETag: string | undefined }[]) =>
  bench.client.send(new CompleteMultipartUploadCommand({ ...object, UploadId, MultipartUpload: { Parts } }));

test("parts that come in any order become one object", async () => {
  const UploadId = await begin();
  const second = await part(UploadId, 2, "end");
  await part(UploadId, 1, "replaced");
  const first = await part(UploadId, 1, FIVE_MIB);
  const { ETag } = await complete(UploadId, [first, second]);
  expect(ETag).toMatch(/^"[0-9a-f]{32}-2"$/);
  const got = await bench.client.send(new GetObjectCommand(object));
  expect(got).toMatchObject({ ETag, ContentType: "text/plain", ContentLength: FIVE_MIB.length + 3 });
  expect((await got.Body?.transformToString())?.slice(-4)).toBe("aend");
  await expect(part(UploadId, 3, "late")).rejects.toMatchObject({ name: "NoSuchUpload" });
});

describe("refused", () => {
  test("parts that are too small, unknown, changed or out of order", async () => {
    const UploadId = await begin();
    const [first, second] = [await part(UploadId, 1, "a"), await part(UploadId, 2, "b")];
    await expect(complete(UploadId, [first, second])).rejects.toMatchObject({ name: "EntityTooSmall" });
    await expect(complete(UploadId, [second, first])).rejects.toMatchObject({ name: "InvalidPartOrder" });
    await expect(complete(UploadId, [{ ...first, PartNumber: 3 }])).rejects.toMatchObject({ name: "InvalidPart" });
    await expect(complete(UploadId, [{ ...second, PartNumber: 1 }])).rejects.toMatchObject({ name: "InvalidPart" });
    await expect(part(UploadId, 10_001, "x")).rejects.toMatchObject({ name: "InvalidArgument" });
  });

  test("an upload that was aborted", async () => {
    const UploadId = await begin();
    const first = await part(UploadId, 1, "a");
    await bench.client.send(new AbortMultipartUploadCommand({ ...object, UploadId }));
    await expect(complete(UploadId, [first])).rejects.toMatchObject({ name: "NoSuchUpload" });
    await expect(bench.client.send(new GetObjectCommand(object))).rejects.toMatchObject({ name: "NoSuchKey" });
  });
});
