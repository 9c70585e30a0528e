import { z } from "zod";
import { readEnv } from "#shared/env.ts";
import type { Delivery } from "#shared/handler/delivery.ts";
import { eachDelivery, queueHandler } from "#shared/handler/queue.ts";
import { onlyRetry } from "#shared/handler/queue-control.ts";
import { lazy } from "#shared/lazy.ts";
import { logger } from "#shared/observability.ts";
import { createParkedTable, type Park } from "#shared/parked/table.ts";
import { toParkedWork } from "./park-message.ts";

const table = lazy(() => createParkedTable(readEnv({ PARKED_TABLE: z.string() }).PARKED_TABLE).park);

/** Keeps one dead letter as parked work. */
export async function park({ record }: Delivery<string>, keep: Park = table()): Promise<void> {
  const work = toParkedWork(record, new Date());
  await keep(work);
  const { parkedId, hop, errorName, correlationId, customerId } = work;
  logger.error("Work parked", { parkedId, hop, errorName, correlationId, customerId });
}

export const handler = queueHandler(
  (body) => body,
  eachDelivery((delivery) => park(delivery)),
  onlyRetry,
);
