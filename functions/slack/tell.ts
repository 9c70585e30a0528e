import type { Delivery } from "#shared/handler/delivery.ts";
import { log } from "#shared/observability.ts";
import { type ChangeSegment, inChanges } from "#shared/tracing.ts";
import type { Slack } from "./client.ts";
import { digest } from "./digest.ts";
import { isNews, type Notice } from "./notices.ts";

/** Tells people in one message what a batch is about; the post appears in the trace of every change it tells of. */
export async function tell(deliveries: readonly Delivery<Notice>[], slack: Slack): Promise<void> {
  const news = deliveries.filter(({ event }) => isNews(event));
  if (news.length === 0) return;
  const changes = news.map(segmentOf);
  await inChanges(changes, async () => {
    await slack.post(digest(news.map(({ event }) => event)));
    log().info("Slack told", { correlationIds: changes.map(({ correlationId }) => correlationId) });
  });
}

function segmentOf({ event: { detail }, traceHeader }: Delivery<Notice>): ChangeSegment {
  const { metadata, data } = detail;
  const segment = { name: "slack/notify", correlationId: metadata.correlationId, traceHeader };
  const annotations = { connector: "slack" };
  if (!("customerId" in data)) return { ...segment, annotations };
  const { customerId, version } = data as { customerId: string; version: string };
  return { ...segment, customerId, annotations: { ...annotations, version } };
}
