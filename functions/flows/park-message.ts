import type { SQSRecord } from "aws-lambda";
import type { ParkedWork } from "#shared/parked-work.ts";

const UNKNOWN = "unknown";

/**
 * Turns a dead letter into parked work. The reason is in the message's attributes when the consumer or EventBridge gave
 * the work up; a message that the queue gave up, because its consumer crashed every time, has none.
 */
export function toParkedWork(record: SQSRecord, now: Date): ParkedWork {
  const { messageAttributes, attributes, body, eventSourceARN } = record;
  const text = (name: string) => messageAttributes[name]?.stringValue || undefined;
  const tries = firstCount(text("RECEIVE_COUNT"), text("RETRY_ATTEMPTS"), attributes.ApproximateReceiveCount);
  const errorName = text("ERROR_CODE");
  const metadata = metadataOf(body);
  return {
    parkedId: record.messageId,
    kind: "message",
    hop:
      eventSourceARN
        .split(":")
        .at(-1)
        ?.replace(/-dead$/, "") ?? UNKNOWN,
    input: body,
    errorName: errorName ?? "ConsumerCrashed",
    errorMessage: text("ERROR_MESSAGE") ?? (errorName ? "No message was given." : crashed(tries)),
    correlationId: metadata.correlationId ?? UNKNOWN,
    customerId: metadata.customerId ?? UNKNOWN,
    traceHeader: attributes.AWSTraceHeader || (metadata.traceHeader ?? "none"),
    tries,
    parkedAt: now.toISOString(),
  };
}

function crashed(times: number): string {
  return `The consumer ended ${times} times without an answer (crash, timeout or missing permission); its log says why.`;
}

/** The first text that is a count: the table takes numbers alone, and a dead letter has nowhere else to go. */
function firstCount(...texts: (string | undefined)[]): number {
  return Number(texts.find((text) => text !== undefined && /^\d{1,15}$/.test(text)) ?? 0);
}

interface Ids {
  readonly correlationId?: string;
  readonly customerId?: string;
  readonly traceHeader?: string;
}

/** The ids of a fleet event, as far as the body holds any; a dead letter may be anything. */
function metadataOf(body: string): Ids {
  try {
    const { metadata, data } = JSON.parse(body).detail;
    const ids = {
      correlationId: metadata?.correlationId,
      customerId: data?.customerId ?? data?.customer?.customerId,
      traceHeader: metadata?.traceHeader,
    };
    return Object.fromEntries(Object.entries(ids).filter(([, value]) => typeof value === "string" && value !== ""));
  } catch {
    return {};
  }
}
