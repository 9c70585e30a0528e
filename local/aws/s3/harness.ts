import { readdirSync, readlinkSync } from "node:fs";
import { S3Client } from "@aws-sdk/client-s3";
import { type Gateway, startGateway } from "../gateway/index.ts";
import { createIam, createIdentities } from "../iam/index.ts";
import { createClock } from "../kernel/clock.ts";
import { Kernel } from "../kernel/kernel.ts";
import type { Operation } from "../kernel/service.ts";
import { deploy } from "../template/index.ts";
import { createS3, type S3Options } from "./index.ts";

export const BUCKET = "records";

/** S3 behind the gateway, for tests with the SDK's own client. */
export interface S3Bench {
  readonly kernel: Kernel;
  readonly gateway: Gateway;
  /** The administrator's client; it knows nothing of the twin but the endpoint. */
  readonly client: S3Client;
  /** The client of a role with these statements. */
  as(...statements: readonly object[]): Promise<S3Client>;
  stop(): Promise<void>;
}

/** @param resources of the template, beside the bucket */
export async function s3Bench(
  options: S3Options = {},
  resources: Readonly<Record<string, object>> = {},
): Promise<S3Bench> {
  const identities = createIdentities();
  const kernel = new Kernel(createClock(1000), identities);
  const s3 = createS3(kernel, options);
  kernel.register(createIam(identities));
  kernel.register(s3);
  const stack = { stackName: "Fleet", artifacts: "." };
  await deploy(
    kernel,
    { Resources: { Bucket: { Type: "AWS::S3::Bucket", Properties: { BucketName: BUCKET } }, ...resources } },
    stack,
  );
  const gateway = await startGateway(kernel);
  const clients: S3Client[] = [];
  const clientOf = (credentials: { accessKeyId: string; secretAccessKey: string; sessionToken?: string }) => {
    const client = new S3Client({ endpoint: gateway.origin, region: "us-east-1", credentials, maxAttempts: 1 });
    clients.push(client);
    return client;
  };
  return {
    kernel,
    gateway,
    client: clientOf({ accessKeyId: "AKIATEST", secretAccessKey: "secret" }),
    async as(...Statement) {
      const trust = { Effect: "Allow", Principal: { Service: "lambda.amazonaws.com" }, Action: "sts:AssumeRole" };
      const role = {
        Type: "AWS::IAM::Role",
        Properties: {
          RoleName: `role-${clients.length}`,
          AssumeRolePolicyDocument: { Statement: [trust] },
          Policies: [{ PolicyName: "own", PolicyDocument: { Version: "2012-10-17", Statement } }],
        },
      };
      const { resources: made } = await deploy(kernel, { Resources: { Role: role } }, stack);
      const arn = String(made.get("Role")?.attributes.Arn);
      return clientOf(identities.assume(arn, "lambda.amazonaws.com", "test"));
    },
    async stop() {
      for (const client of clients) client.destroy();
      await gateway.close();
      await s3.stop?.();
    },
  };
}

const DESCRIPTORS = "/proc/self/fd";

/** Objects, by their paths, that this process holds open. On Linux only. */
export function openFiles(): string[] {
  const paths = readdirSync(DESCRIPTORS).map((fd) => {
    try {
      return readlinkSync(`${DESCRIPTORS}/${fd}`);
    } catch {
      return ""; // closed meanwhile
    }
  });
  return paths.filter((path) => /\/(twin-s3-[^/]+|s3)\/[^/]+$/.test(path));
}

/** Holds every answer to GetObject, so that the garbage collector does not close what its reader forgot. */
export function keepAnswers(kernel: Kernel): void {
  const answers: unknown[] = [];
  const operations = kernel.service("s3").operations as Record<string, Operation>;
  const { access, run } = operations.GetObject as Operation;
  const kept: Operation["run"] = async (input, context) => {
    const answer = await run(input, context);
    answers.push(answer);
    return answer;
  };
  operations.GetObject = { access, run: kept };
}
