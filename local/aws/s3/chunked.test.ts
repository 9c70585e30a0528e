import { createHash } from "node:crypto";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { decodeChunked } from "./chunked.ts";
import { crc32cChecksum, crc64NvmeChecksum } from "./crc.ts";
import { listObjects } from "./list.ts";
import { compareKeys } from "./order.ts";
import type { StoredObject } from "./store.ts";

async function* cut(bytes: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer> {
  let at = 0;
  for (const size of sizes) {
    if (size > 0 && at < bytes.length) yield bytes.subarray(at, at + size);
    at += size;
  }
  if (at < bytes.length) yield bytes.subarray(at);
}

async function decode(source: AsyncIterable<Buffer>) {
  const { body, trailers } = decodeChunked(source);
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return { body: Buffer.concat(chunks), trailers };
}

const encoded = (chunks: readonly Uint8Array[], tail: string, signed: boolean) =>
  Buffer.concat([
    ...chunks.flatMap((chunk) => [
      Buffer.from(`${chunk.length.toString(16)}${signed ? ";chunk-signature=ab12" : ""}\r\n`),
      Buffer.from(chunk),
      Buffer.from("\r\n"),
    ]),
    Buffer.from(`0\r\n${tail}`),
  ]);

const chunks = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 6 });
const cuts = fc.array(fc.nat(30), { maxLength: 20 });

// https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
describe("the aws-chunked encoding", () => {
  test("comes off, however the network cuts the bytes", () =>
    fc.assert(
      fc.asyncProperty(chunks, cuts, fc.boolean(), fc.boolean(), async (parts, sizes, signed, trailing) => {
        const tail = trailing ? "x-amz-checksum-crc32:NhCmhg==\r\n\r\n" : "\r\n";
        const result = await decode(cut(encoded(parts, tail, signed), sizes));
        expect(result.body.equals(Buffer.concat(parts))).toBe(true);
        expect(result.trailers).toEqual(trailing ? { "x-amz-checksum-crc32": "NhCmhg==" } : {});
      }),
    ));

  test("a body that ends early never passes for a whole one", () =>
    fc.assert(
      fc.asyncProperty(chunks, fc.nat(), async (parts, at) => {
        const whole = encoded(parts, "", false);
        const end = at % (whole.length - 2); // before the line of the last chunk is complete
        await expect(decode(cut(whole.subarray(0, end), []))).rejects.toMatchObject({
          code: expect.stringMatching("IncompleteBody|InvalidRequest"),
        });
      }),
    ));

  test.each([
    ["a length that is none", "zz\r\nhello\r\n0\r\n\r\n"],
    ["a chunk that is longer than it says", "2\r\nhello\r\n0\r\n\r\n"],
    ["something behind the end", "0\r\n\r\nmore"],
  ])("%s is refused", async (_, text) => {
    await expect(decode(cut(Buffer.from(text), []))).rejects.toMatchObject({ code: "InvalidRequest" });
  });
});

// The check values of the CRC catalogue for the text 123456789.
test("CRC-32C and CRC-64/NVME give their catalogue's check values", () => {
  const text = Buffer.from("123456789");
  const [crc32c, crc64] = [crc32cChecksum(), crc64NvmeChecksum()];
  for (const checksum of [crc32c, crc64]) {
    checksum.update(text.subarray(0, 4));
    checksum.update(text.subarray(4));
  }
  expect(crc32c.digest().toString("hex")).toBe("e3069283");
  expect(crc64.digest().toString("hex")).toBe("ae8b14860a799888");
});

test("keys are in the order of their UTF-8 bytes", () =>
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (a, b) => {
      const bytes = Buffer.compare(Buffer.from(a), Buffer.from(b));
      expect(Math.sign(compareKeys(a, b))).toBe(bytes);
    }),
  ));

test("the pages of a listing hold each key or its common prefix once", () =>
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.string({ unit: fc.constantFrom("a", "b", "/", "é"), minLength: 1, maxLength: 5 }), {
        maxLength: 25,
      }),
      fc.integer({ min: 1, max: 4 }),
      fc.constantFrom(undefined, "/"),
      fc.constantFrom("", "a", "a/"),
      (keys, most, delimiter, prefix) => {
        const sorted = keys
          .filter((key) => key.startsWith(prefix))
          .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
        const expected = new Set(
          sorted.map((key) => {
            const at = delimiter ? key.indexOf(delimiter, prefix.length) : -1;
            return at < 0 ? `key ${key}` : `prefix ${key.slice(0, at + 1)}`;
          }),
        );
        const seen: string[] = [];
        let token: string | undefined;
        do {
          const page = listObjects(sorted.map(objectOf), {
            Bucket: "b",
            Prefix: prefix,
            MaxKeys: most,
            ...(delimiter ? { Delimiter: delimiter } : {}),
            ...(token ? { ContinuationToken: token } : {}),
          });
          expect(page.Contents.length + page.CommonPrefixes.length).toBeLessThanOrEqual(most);
          seen.push(...page.Contents.map(({ key }) => `key ${key}`), ...page.CommonPrefixes.map((p) => `prefix ${p}`));
          token = page.NextContinuationToken;
        } while (token);
        expect(seen.sort()).toEqual([...expected].sort());
      },
    ),
  ));

function objectOf(key: string): StoredObject {
  const etag = createHash("md5").update(key).digest("hex");
  return { bucket: "b", key, etag, size: 0, lastModified: 0, contentType: "", headers: {}, metadata: {}, file: "" };
}
