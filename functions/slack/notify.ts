import { z } from "zod";
import { readConnection } from "#shared/connections.ts";
import { customerSynced, customerSyncFailed } from "#shared/contracts/events.ts";
import { readEnv } from "#shared/env.ts";
import { type Delivery, decodeFleetEvent } from "#shared/handler/delivery.ts";
import { type Failure, queueHandler } from "#shared/handler/queue.ts";
import { lazy } from "#shared/lazy.ts";
import { log } from "#shared/observability.ts";
import { inChanges } from "#shared/tracing.ts";
import { createSlack, type Slack } from "./client.ts";
import { slackConnectionSchema } from "./connection.ts";
import { digest, type Notice } from "./digest.ts";

const production = lazy((): Slack => {
  const { SLACK_SECRET } = readEnv({ SLACK_SECRET: z.string() });
  return createSlack((options) => readConnection(SLACK_SECRET, slackConnectionSchema, options));
});

/** Tells people in one message what a batch is about; the post appears in the trace of every change it tells of. */
export async function notify(deliveries: readonly Delivery<Notice>[], slack = production()): Promise<Failure[]> {
  const changes = deliveries.map(({ event: { detail }, traceHeader }) => ({
    name: "slack/notify",
    correlationId: detail.metadata.correlationId,
    customerId: detail.data.customerId,
    traceHeader,
    annotations: { connector: "slack", version: detail.data.version },
  }));
  await inChanges(changes, async () => {
    await slack.post(digest(deliveries.map(({ event }) => event)));
    log().info("Slack told", { correlationIds: changes.map(({ correlationId }) => correlationId) });
  });
  return [];
}

export const handler = queueHandler(decodeFleetEvent([customerSynced, customerSyncFailed]), (batch) => notify(batch));
