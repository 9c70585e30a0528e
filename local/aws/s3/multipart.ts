import { createHash } from "node:crypto";
import { AwsError } from "../kernel/errors.ts";
import { hex } from "../kernel/names.ts";
import type { Operation } from "../kernel/service.ts";
import { onObject, requireBucket, type S3Context } from "./access.ts";
import { type Expectation, verified } from "./checksums.ts";
import { checkKey, invalidArgument, noSuchUpload } from "./errors.ts";
import type { AttributesInput, ObjectInput, PutObjectInput } from "./input.ts";
import { attributesOf, bodyOf } from "./operations.ts";
import type { Draft, ObjectAttributes } from "./store.ts";

const MAX_PART_NUMBER = 10_000;
/** Bytes of every part but the last. */
const MIN_PART_BYTES = 5 * 1024 * 1024;

interface Upload {
  readonly bucket: string;
  readonly key: string;
  readonly attributes: ObjectAttributes;
  readonly parts: Map<number, Draft>;
}

export interface UploadInput extends ObjectInput {
  readonly UploadId: string;
}

export interface UploadPartInput extends UploadInput, PutObjectInput {
  readonly PartNumber: number;
}

/** A part as CompleteMultipartUpload names it. */
export interface CompletedPart {
  readonly PartNumber: number;
  readonly ETag: string;
}

export interface CompleteInput extends UploadInput {
  /** The parts stand in the body, which is read when the operation runs. @throws AwsError `MalformedXML` */
  readonly Parts: () => Promise<readonly CompletedPart[]>;
}

/**
 * Uploads in parts. An upload that is not completed does not outlive the twin.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
 */
export function multipartOperations(context: S3Context): Record<string, Operation> {
  const uploads = new Map<string, Upload>();
  const find = ({ Bucket, Key, UploadId }: UploadInput): Upload => {
    const upload = uploads.get(UploadId);
    if (upload?.bucket === Bucket && upload.key === Key) return upload;
    throw noSuchUpload(UploadId);
  };
  const access = (action: string) => (input: ObjectInput) => [onObject(context, action, input.Bucket, input.Key)];
  const CreateMultipartUpload: Operation<ObjectInput & AttributesInput> = {
    access: access("PutObject"),
    run: (input) => {
      requireBucket(context, input.Bucket);
      checkKey(input.Key);
      const UploadId = hex(32);
      uploads.set(UploadId, {
        bucket: input.Bucket,
        key: input.Key,
        attributes: attributesOf(input),
        parts: new Map(),
      });
      return { UploadId };
    },
  };
  const UploadPart: Operation<UploadPartInput> = {
    access: access("PutObject"),
    run: (input) => uploadPart(context, find(input), input),
  };
  const CompleteMultipartUpload: Operation<CompleteInput> = {
    access: access("PutObject"),
    run: async (input) => {
      const upload = find(input);
      const ETag = await complete(context, upload, await input.Parts());
      uploads.delete(input.UploadId);
      await discard(upload);
      return { ETag };
    },
  };
  const AbortMultipartUpload: Operation<UploadInput> = {
    access: access("AbortMultipartUpload"),
    run: async (input) => {
      const upload = find(input);
      uploads.delete(input.UploadId);
      await discard(upload);
      return {};
    },
  };
  return { CreateMultipartUpload, UploadPart, CompleteMultipartUpload, AbortMultipartUpload };
}

async function uploadPart(context: S3Context, upload: Upload, input: UploadPartInput) {
  const { PartNumber, algorithms = [], expected = (): Expectation => ({}) } = input;
  if (!Number.isInteger(PartNumber) || PartNumber < 1 || PartNumber > MAX_PART_NUMBER)
    throw invalidArgument(
      "partNumber",
      String(PartNumber),
      `Part number must be an integer between 1 and ${MAX_PART_NUMBER}, inclusive`,
    );
  const body = verified(bodyOf(input, context), algorithms, expected);
  const part = await context.store.write(upload.bucket, upload.key, body);
  const older = upload.parts.get(PartNumber);
  upload.parts.set(PartNumber, part);
  await older?.discard();
  const { checksum } = expected();
  return { ETag: etagOf(part), ...(checksum ? { Checksum: checksum } : {}) };
}

/** Puts the parts together; the ETag is that of the parts' digests, with their number. */
async function complete({ store }: S3Context, upload: Upload, named: readonly CompletedPart[]): Promise<string> {
  if (named.some(({ PartNumber }, index) => index > 0 && PartNumber <= (named[index - 1]?.PartNumber ?? 0)))
    throw new AwsError("InvalidPartOrder", "The list of parts was not in ascending order.");
  const parts = named.map(({ PartNumber, ETag }) => {
    const part = upload.parts.get(PartNumber);
    if (part && etagOf(part).replaceAll('"', "") === ETag.replaceAll('"', "")) return part;
    throw new AwsError("InvalidPart", "One or more of the specified parts could not be found.", {
      body: { PartNumber },
    });
  });
  if (parts.slice(0, -1).some(({ size }) => size < MIN_PART_BYTES))
    throw new AwsError("EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size");
  const whole = await store.write(upload.bucket, upload.key, joined(parts));
  const digest = createHash("md5").update(Buffer.concat(parts.map(({ md5 }) => md5)));
  return whole.publish({ ...upload.attributes, etag: `"${digest.digest("hex")}-${parts.length}"` }).etag;
}

async function* joined(parts: readonly Draft[]): AsyncGenerator<Buffer> {
  for (const part of parts) yield* await part.read();
}

async function discard({ parts }: Upload): Promise<void> {
  for (const part of parts.values()) await part.discard();
}

function etagOf({ md5 }: Draft): string {
  return `"${md5.toString("hex")}"`;
}
