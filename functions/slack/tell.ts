import { RejectedByTargetError, TargetUnavailableError } from "#shared/errors.ts";
import type { Ended, Failure } from "#shared/handler/batch.ts";
import type { Delivery } from "#shared/handler/delivery.ts";
import { log } from "#shared/observability.ts";
import { type ChangeSegment, inChanges } from "#shared/tracing.ts";
import type { Slack } from "./client.ts";
import { type Digest, digest } from "./digest.ts";
import { isNews, type Notice } from "./notices.ts";

export interface TellDependencies {
  /** Posts one message; asked for one after the other. */
  readonly slack: Slack;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Of the fleet, for the commands that notices name. */
  readonly stage: string;
}

type NoticeDigest = Digest<Delivery<Notice>>;

/** Within this time posts begin; the function's time-out leaves room for the last one. */
export const POSTING_MS = 30_000;

/**
 * Tells people what a batch is about, in one message or as many as it takes, one after the other. Deliveries whose
 * message was posted are done; only the others come back. Once Slack fails, the messages left are not tried: they would
 * fail the same way. A message that Slack refuses is halved until what is left is the notice that it cannot take.
 * @param ended told of each delivery as soon as its message was posted
 * @returns the deliveries that were not told, and why
 */
export async function tell(
  deliveries: readonly Delivery<Notice>[],
  deps: TellDependencies,
  ended: Ended = () => undefined,
): Promise<Failure[]> {
  const waiting = compose(
    deliveries.filter(({ event }) => isNews(event)),
    deps.stage,
  );
  const until = deps.now() + POSTING_MS;
  const failures: Failure[] = [];
  let stopped: unknown;
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    if (stopped === undefined && deps.now() >= until)
      stopped = new TargetUnavailableError("OUT_OF_TIME", "More messages than one run can post; the rest follows.", {
        retryAfterSeconds: 1,
      });
    const error = stopped ?? (await post(next, deps.slack));
    if (error === undefined) {
      for (const { record } of next.told) ended(record);
      continue;
    }
    if (stopped === undefined && error instanceof RejectedByTargetError && next.told.length > 1) {
      waiting.unshift(...halvesOf(next.told).flatMap((half) => compose(half, deps.stage)));
      continue;
    }
    if (!(error instanceof RejectedByTargetError)) stopped = error;
    failures.push(...next.told.map(({ record }) => ({ record, error })));
  }
  return failures;
}

/** Posts one message; the post appears in the trace of every change it tells of. The error, if there was one. */
async function post({ message, told }: NoticeDigest, slack: Slack): Promise<unknown> {
  const changes = told.map(segmentOf);
  try {
    await inChanges(changes, async () => {
      await slack.post(message);
      log().info("Slack told", { correlationIds: changes.map(({ correlationId }) => correlationId) });
    });
    return undefined;
  } catch (error) {
    return error;
  }
}

function compose(deliveries: readonly Delivery<Notice>[], stage: string): NoticeDigest[] {
  return digest(deliveries, ({ event }) => event, stage);
}

function halvesOf<T>(items: readonly T[]): T[][] {
  const middle = Math.ceil(items.length / 2);
  return [items.slice(0, middle), items.slice(middle)];
}

function segmentOf({ event: { detail }, traceHeader }: Delivery<Notice>): ChangeSegment {
  const { metadata, data } = detail;
  const segment = { name: "slack/notify", correlationId: metadata.correlationId, traceHeader };
  const annotations = { connector: "slack" };
  if (!("customerId" in data)) return { ...segment, annotations };
  const { customerId, version } = data as { customerId: string; version: string };
  return { ...segment, customerId, annotations: { ...annotations, version } };
}
