import { createDynamoDb } from "./dynamodb/index.ts";
import { createEcr } from "./ecr/index.ts";
import { createEvents } from "./events/index.ts";
import type { Kernel } from "./kernel/kernel.ts";
import type { Service } from "./kernel/service.ts";
import { createLambda } from "./lambda/index.ts";
import { createLogs } from "./logs/index.ts";
import { createMonitoring } from "./monitoring/index.ts";
import { createS3 } from "./s3/index.ts";
import { createSecretsManager } from "./secretsmanager/index.ts";
import { createSqs } from "./sqs/index.ts";
import { createSsm } from "./ssm/index.ts";
import { createStates } from "./states/index.ts";
import { createSts } from "./sts/index.ts";
import { createXRay } from "./xray/index.ts";

/** What a service factory may need beside the kernel. */
export interface ServiceOptions {
  /** Folder of the packaged artifacts. */
  readonly artifacts: string;
  /** Folder that keeps state over restarts; absent: state lives in memory. */
  readonly stateDir?: string;
  /** UDP port of the X-Ray daemon; 0 or absent takes a free one. */
  readonly daemonPort?: number;
  /** Bytes of one upload to S3. */
  readonly largestUpload?: number;
}

/** Makes one service of the twin. */
export type ServiceFactory = (kernel: Kernel, options: ServiceOptions) => Service;

/** Every service of the twin, each after those that it calls: they start in this order and stop in the opposite one. */
export const defaultServices: readonly ServiceFactory[] = [
  (kernel, { daemonPort = 0 }) => createXRay(kernel, { daemonPort }),
  createMonitoring,
  createLogs,
  createS3,
  createSts,
  createEcr,
  createSsm,
  createSecretsManager,
  createDynamoDb,
  createSqs,
  createLambda,
  createStates,
  createEvents,
];
