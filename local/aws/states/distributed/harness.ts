import { setImmediate } from "node:timers/promises";
import { S3Client } from "@aws-sdk/client-s3";
import { SFNClient } from "@aws-sdk/client-sfn";
import { type Gateway, startGateway } from "../../gateway/index.ts";
import type { Identities } from "../../kernel/identities.ts";
import { ADMINISTRATOR } from "../../kernel/kernel.ts";
import type { Service } from "../../kernel/service.ts";
import { createS3 } from "../../s3/index.ts";
import type { JsonObject } from "../json.ts";
import { type Bench, bench } from "../testing.ts";

export const BUCKET = "backfill";

/** Step Functions with a bucket, for tests of distributed Maps. */
export interface MapBench extends Bench {
  readonly s3: Service;
  put(Key: string, Body: string): Promise<void>;
  /** An object's text. */
  text(Key: string): Promise<string>;
  keys(Prefix: string): Promise<string[]>;
  /** Describes the newest Map Run of an execution. */
  // biome-ignore lint/suspicious/noExplicitAny: tests know the shapes they ask for
  mapRun(executionArn: string): Promise<any>;
  stop(): Promise<void>;
}

export interface MapBenchOptions {
  readonly stateDir?: string;
  readonly identities?: Identities;
  /** How many times shorter waits are. */
  readonly scale?: number;
  /** The state of an earlier bench. */
  readonly snapshot?: unknown;
}

export async function mapBench(services: readonly Service[] = [], options: MapBenchOptions = {}): Promise<MapBench> {
  const { snapshot, ...rest } = options;
  const own = bench(services, rest);
  const { kernel } = own;
  const s3 = createS3(kernel, rest.stateDir ? { stateDir: rest.stateDir } : {});
  kernel.register(s3);
  const bucket = { logicalId: "Bucket", type: "AWS::S3::Bucket", properties: { BucketName: BUCKET } };
  await s3.resources?.[0]?.create({ ...bucket, stackName: "Fleet", artifacts: "." });
  if (snapshot !== undefined) {
    await own.states.restore?.(JSON.parse(JSON.stringify(snapshot)));
    await own.states.start?.();
  }
  const call = (operation: string, input: object) =>
    kernel.call("s3", operation, { Bucket: BUCKET, ...input }, { principal: ADMINISTRATOR });
  return {
    ...own,
    s3,
    put: async (Key, Body) => {
      await call("PutObject", { Key, Body });
    },
    async text(Key) {
      const chunks: Buffer[] = [];
      for await (const chunk of (await call("GetObject", { Key })).Body) chunks.push(chunk);
      return Buffer.concat(chunks).toString();
    },
    keys: async (Prefix) =>
      (await call("ListObjectsV2", { Prefix })).Contents.map(({ key }: { key: string }) => key) as string[],
    async mapRun(executionArn) {
      const { mapRuns } = await own.api("ListMapRuns", { executionArn });
      return own.api("DescribeMapRun", { mapRunArn: mapRuns[0].mapRunArn });
    },
    async stop() {
      await own.states.stop?.();
      await s3.stop?.();
    },
  };
}

/** The unmodified clients of a bench. */
export async function clients({ kernel }: Bench): Promise<{ sfn: SFNClient; s3: S3Client; gateway: Gateway }> {
  const gateway = await startGateway(kernel);
  const credentials = { accessKeyId: "AKIATEST", secretAccessKey: "secret" };
  const settings = { endpoint: gateway.origin, region: "us-east-1", credentials, maxAttempts: 1 };
  return { gateway, sfn: new SFNClient(settings), s3: new S3Client(settings) };
}

/** A distributed Map over `$states.input` unless `fields` say otherwise. */
export function distributed(processor: JsonObject, fields: JsonObject = {}, type = "STANDARD"): JsonObject {
  return {
    Type: "Map",
    Label: "each",
    ItemProcessor: { ProcessorConfig: { Mode: "DISTRIBUTED", ExecutionType: type }, ...processor },
    ...fields,
  };
}

/** An ItemReader of one object. */
export function objectReader(Key: string, config: JsonObject): JsonObject {
  return {
    Resource: "arn:aws:states:::s3:getObject",
    Arguments: { Bucket: BUCKET, Key },
    ReaderConfig: config,
  };
}

export const WRITER = { Resource: "arn:aws:states:::s3:putObject", Arguments: { Bucket: BUCKET, Prefix: "out" } };

/** Resolves with the first truthy answer. */
export async function eventually<T>(look: () => Promise<T | undefined | false>): Promise<T> {
  for (;;) {
    const value = await look();
    if (value) return value;
    await setImmediate();
  }
}
