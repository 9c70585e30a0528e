import { join } from "node:path";
import type { Kernel } from "../kernel/kernel.ts";
import type { Service } from "../kernel/service.ts";
import type { S3Context } from "./access.ts";
import { multipartOperations } from "./multipart.ts";
import { objectOperations } from "./operations.ts";
import { bucketProviders } from "./resources.ts";
import { ObjectStore } from "./store.ts";
import { understand } from "./wire.ts";

export type { GetObjectOutput, ListObjectsOutput, PutObjectInput } from "./input.ts";

/** What S3 takes as one upload, or one part. https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html */
const LARGEST_UPLOAD = 5 * 1024 ** 3;

export interface S3Options {
  /** Keeps the objects over restarts; absent: they are gone when the twin stops. */
  readonly stateDir?: string;
  /** Bytes of an upload, or of one part of it, at most as many as S3 takes. */
  readonly largestUpload?: number;
}

/**
 * Amazon S3: the template's buckets with their objects, which live on the disk.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/Welcome.html
 */
export function createS3(kernel: Kernel, { stateDir, largestUpload = LARGEST_UPLOAD }: S3Options = {}): Service {
  const store = new ObjectStore(stateDir ? join(stateDir, "s3") : undefined);
  const context: S3Context = { kernel, store, policies: new Map(), largestUpload };
  return {
    name: "s3",
    wire: { kind: "own", understand },
    operations: { ...objectOperations(context), ...multipartOperations(context) },
    resources: bucketProviders(context),
    stop: () => store.close(),
  };
}
