import type { SQSRecord } from "aws-lambda";
import { idsOf } from "#shared/handler/ids.ts";
import { targetOf, writeBackId } from "#shared/parked/state.ts";
import { PARKED_ID, PARKED_MESSAGE, type ParkedWork } from "#shared/parked/work.ts";

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
  const ids = idsOf(body);
  const parking = text(PARKED_MESSAGE) ?? record.messageId;
  const hop =
    eventSourceARN
      .split(":")
      .at(-1)
      ?.replace(/-dead$/, "") ?? UNKNOWN;
  const isWriteBack = targetOf({ kind: "message", hop }) === "salesforce";
  const repeated = isWriteBack ? writeBackId(ids.customerId, ids.version) : undefined;
  return {
    // What is redriven and given up again is the same piece of work; an account is told by another message then.
    parkedId: text(PARKED_ID) ?? repeated ?? parking,
    parking,
    kind: "message",
    hop,
    input: body,
    errorName: errorName ?? "ConsumerCrashed",
    errorMessage: text("ERROR_MESSAGE") ?? (errorName ? "No message was given." : crashed(tries)),
    correlationId: ids.correlationId ?? UNKNOWN,
    customerId: ids.customerId ?? UNKNOWN,
    traceHeader: attributes.AWSTraceHeader || (ids.traceHeader ?? "none"),
    tries,
    parkedAt: now.toISOString(),
    ...known({ errorCode: text("ERROR_REASON"), orgId: ids.orgId ?? orgOfPartnerEvent(body), version: ids.version }),
  };
}

function known(members: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.entries(members).filter((entry): entry is [string, string] => Boolean(entry[1])));
}

function crashed(times: number): string {
  return `The consumer ended ${times} times without an answer (crash, timeout or missing permission); its log says why.`;
}

/** The first text that is a count: the table takes numbers alone, and a dead letter has nowhere else to go. */
function firstCount(...texts: (string | undefined)[]): number {
  return Number(texts.find((text) => text !== undefined && /^\d{1,15}$/.test(text)) ?? 0);
}

/** The organisation whose change event a partner event is: `aws.partner/salesforce.com/00D…/0YL…`. */
function orgOfPartnerEvent(body: string): string | undefined {
  return /"source"\s*:\s*"aws\.partner\/salesforce\.com\/(00D[a-zA-Z0-9]{12,15})\//.exec(body)?.[1];
}
