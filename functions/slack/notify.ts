import { z } from "zod";
import { readConnection } from "#shared/connections.ts";
import {
  customerDriftFound,
  customerSynced,
  customerSyncFailed,
  reconciliationRequested,
} from "#shared/contracts/events.ts";
import { readEnv } from "#shared/env.ts";
import { type Delivery, decodeFleetEvent } from "#shared/handler/delivery.ts";
import { type Failure, queueHandler } from "#shared/handler/queue.ts";
import { lazy } from "#shared/lazy.ts";
import { createSlack, type Slack } from "./client.ts";
import { slackConnectionSchema } from "./connection.ts";
import type { Notice } from "./notices.ts";
import { tell } from "./tell.ts";

const production = lazy((): Slack => {
  const { SLACK_SECRET } = readEnv({ SLACK_SECRET: z.string() });
  return createSlack((options) => readConnection(SLACK_SECRET, slackConnectionSchema, options));
});

/** Tells people in one message what a batch is about. */
export async function notify(deliveries: readonly Delivery<Notice>[], slack = production()): Promise<Failure[]> {
  await tell(deliveries, slack);
  return [];
}

export const handler = queueHandler(
  decodeFleetEvent([customerSynced, customerSyncFailed, customerDriftFound, reconciliationRequested]),
  (batch) => notify(batch),
);
