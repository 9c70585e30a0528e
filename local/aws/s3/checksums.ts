import { createHash } from "node:crypto";
import { type Checksum, crc32Checksum, crc32cChecksum, crc64NvmeChecksum } from "./crc.ts";
import { badDigest } from "./errors.ts";

const PREFIX = "x-amz-checksum-";

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html */
const ALGORITHMS: Readonly<Record<string, () => Checksum>> = {
  crc32: crc32Checksum,
  crc32c: crc32cChecksum,
  crc64nvme: crc64NvmeChecksum,
  sha1: () => hashed("sha1"),
  sha256: () => hashed("sha256"),
};

function hashed(algorithm: string): Checksum {
  const hash = createHash(algorithm);
  return { update: (chunk) => hash.update(chunk), digest: () => hash.digest() };
}

/** A checksum of an object: the algorithm in lower case and the value in base64. */
export interface StoredChecksum {
  readonly algorithm: string;
  readonly value: string;
}

/** The checksum among headers or trailers; `undefined` when there is none that S3 knows. */
export function checksumOf(headers: Readonly<Record<string, string>>): StoredChecksum | undefined {
  for (const algorithm of Object.keys(ALGORITHMS)) {
    const value = headers[`${PREFIX}${algorithm}`];
    if (value !== undefined) return { algorithm, value };
  }
  return undefined;
}

/** The headers that give a checksum back. */
export function checksumHeaders(checksum: StoredChecksum | undefined): Record<string, string> {
  if (!checksum) return {};
  return { [`${PREFIX}${checksum.algorithm}`]: checksum.value, "x-amz-checksum-type": "FULL_OBJECT" };
}

/** What a body is expected to be; members that are absent are not checked. */
export interface Expectation {
  /** `Content-MD5`, in base64. */
  readonly md5?: string;
  /** `x-amz-content-sha256`, in hexadecimal. */
  readonly sha256?: string;
  readonly checksum?: StoredChecksum;
}

/**
 * Passes a body on and compares it with what the caller said of it.
 * @param expected asked at the end, when the trailers of a chunked body are known
 * @param algorithms checksums to compute; they must be known before the body comes
 * @throws AwsError `BadDigest`, `XAmzContentSHA256Mismatch` after the last chunk
 */
export async function* verified(
  body: AsyncIterable<Buffer>,
  algorithms: readonly string[],
  expected: () => Expectation,
): AsyncGenerator<Buffer> {
  const md5 = createHash("md5");
  const sha256 = createHash("sha256");
  const running = new Map(algorithms.map((name) => [name, ALGORITHMS[name]?.()]));
  for await (const chunk of body) {
    md5.update(chunk);
    sha256.update(chunk);
    for (const checksum of running.values()) checksum?.update(chunk);
    yield chunk;
  }
  const wanted = expected();
  if (wanted.md5 !== undefined && wanted.md5 !== md5.digest("base64")) throw badDigest("Content-MD5");
  if (wanted.sha256 !== undefined && wanted.sha256 !== sha256.digest("hex")) throw badDigest("x-amz-content-sha256");
  const { checksum } = wanted;
  if (checksum && running.get(checksum.algorithm)?.digest().toString("base64") !== checksum.value)
    throw badDigest(checksum.algorithm.toUpperCase());
}
