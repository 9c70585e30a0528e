import { z } from "zod";
import { readConnection } from "#shared/connections.ts";
import {
  customerDriftFound,
  customerDuplicateFound,
  customerSynced,
  customerSyncFailed,
  reconciliationRequested,
  targetRecovered,
  targetUnreachable,
} from "#shared/contracts/events.ts";
import { readEnv } from "#shared/env.ts";
import { decodeFleetEvent } from "#shared/handler/delivery.ts";
import { queueHandler } from "#shared/handler/queue.ts";
import { lazy } from "#shared/lazy.ts";
import { openGate } from "#shared/targets/open-gate.ts";
import { createSlack } from "./client.ts";
import { type Connect, slackConnectionSchema } from "./connection.ts";
import { SLACK_LIMITS } from "./limits.ts";
import { type TellDependencies, tell } from "./tell.ts";

const production = lazy((): TellDependencies => {
  const { SLACK_SECRET, STAGE } = readEnv({ SLACK_SECRET: z.string(), STAGE: z.string() });
  const gate = openGate({ target: "slack", ratePerSecond: SLACK_LIMITS.rate.perSecond });
  const connect: Connect = (options) => readConnection(SLACK_SECRET, slackConnectionSchema, options);
  return { slack: createSlack(connect, gate), now: Date.now, stage: STAGE };
});

const changes = [customerSynced, customerSyncFailed, customerDriftFound, customerDuplicateFound] as const;
const decode = decodeFleetEvent([...changes, reconciliationRequested, targetUnreachable, targetRecovered]);

/** Tells people what a batch is about. */
export const handler = queueHandler(decode, (batch, ended) => tell(batch, production(), ended));
