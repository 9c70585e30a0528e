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

/**
 * Amazon S3: the template's buckets with their objects, which live on the disk.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/Welcome.html
 * @param options `stateDir` keeps the objects over restarts; without it they are gone when the twin stops
 */
export function createS3(kernel: Kernel, { stateDir }: { readonly stateDir?: string } = {}): Service {
  const store = new ObjectStore(stateDir ? join(stateDir, "s3") : undefined);
  const context: S3Context = { kernel, store, policies: new Map() };
  return {
    name: "s3",
    wire: { kind: "own", understand },
    operations: { ...objectOperations(context), ...multipartOperations(context) },
    resources: bucketProviders(context),
    stop: () => store.close(),
  };
}
