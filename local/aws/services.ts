import type { ServiceFactory } from "./boot.ts";
import { createDynamoDb } from "./dynamodb/index.ts";
import { createEvents } from "./events/index.ts";
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

/** Every service of the twin, each after those that it calls: they start in this order and stop in the opposite one. */
export const defaultServices: readonly ServiceFactory[] = [
  (kernel) => createXRay(kernel),
  createMonitoring,
  createLogs,
  createS3,
  createSts,
  createSsm,
  createSecretsManager,
  createDynamoDb,
  createSqs,
  createLambda,
  createStates,
  createEvents,
];
