import { eventName } from "../cdc/event.ts";
import { toRelayDetail } from "../cdc/json.ts";
import type { LogEntry } from "../store/event-log.ts";

/** Where the relay hands events over. */
export interface RelayTarget {
  /** `http://127.0.0.1:<port>` of the twin; a function when it is known only later. */
  readonly origin: string | (() => string);
}

/** A key that no role of the template has; the twin checks who calls, not the signature. */
const PARTNER =
  "AWS4-HMAC-SHA256 Credential=salesforce/20260101/us-east-1/events/aws4_request, SignedHeaders=host, Signature=none";

/** `detail-type` and `detail` of an event on the partner bus; undefined for a place without an event. */
export function toBusEvent({ event, raw }: LogEntry): { detailType: string; detail: string } | undefined {
  if (raw) return { detailType: raw.detailType, detail: raw.detail };
  return event && { detailType: eventName(event.entityName), detail: toRelayDetail(event) };
}

/** Puts one event on the partner bus. @throws Error when the bus does not take it */
export async function putPartnerEvent(
  { origin }: RelayTarget,
  event: { source: string; detailType: string; detail: string; timeMs: number },
  signal: AbortSignal,
): Promise<void> {
  const { source, detailType, detail, timeMs } = event;
  const entry = {
    Source: source,
    DetailType: detailType,
    Detail: detail,
    EventBusName: source,
    Resources: [],
    Time: timeMs / 1000,
  };
  const response = await fetch(typeof origin === "function" ? origin() : origin, {
    method: "POST",
    headers: {
      "content-type": "application/x-amz-json-1.1",
      "x-amz-target": "AWSEvents.PutPartnerEvents",
      authorization: PARTNER,
    },
    body: JSON.stringify({ Entries: [entry] }),
    signal: AbortSignal.any([signal, AbortSignal.timeout(10_000)]),
  });
  const answer = await response.text();
  if (!response.ok) throw new Error(`PutPartnerEvents to ${source} failed with ${response.status}: ${answer}`);
  if (JSON.parse(answer).FailedEntryCount) throw new Error(`PutPartnerEvents to ${source} was refused: ${answer}`);
}
