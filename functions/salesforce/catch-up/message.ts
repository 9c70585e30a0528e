import { MAX_MESSAGE_BYTES } from "#shared/send-messages.ts";
import type { Unreadable } from "../changes/unreadable.ts";
import { isUnreadable, type Received, type ReceivedChange, type UnreadableEvent } from "./received.ts";

/**
 * A change as it would have come over the partner bus. One that is too large for a queue loses its fields: whoever works
 * it reads the record anyway, and needs only the header. An event that cannot be decoded becomes a message that capture
 * refuses with the event's reason, so that it is parked as anything else.
 */
export function toMessage(orgId: string, received: Received): string {
  if (isUnreadable(received))
    return (
      fitting(unreadableMessage(orgId, received, received.payload.toString("base64"))) ??
      unreadableMessage(orgId, received, null)
    );
  const { payload } = received;
  return (
    fitting(changeMessage(orgId, received, payload)) ??
    changeMessage(orgId, received, { ChangeEventHeader: payload.ChangeEventHeader })
  );
}

function fitting(message: string): string | undefined {
  return Buffer.byteLength(message) <= MAX_MESSAGE_BYTES ? message : undefined;
}

function changeMessage(orgId: string, change: ReceivedChange, payload: object): string {
  return messageOf(orgId, change, eventNameOf(change.entityName), { payload });
}

function unreadableMessage(orgId: string, event: UnreadableEvent, payload: string | null): string {
  const { replayId, schemaId, reason } = event;
  const unreadable: Unreadable = { replayId, schemaId, reason, payload };
  return messageOf(orgId, event, "UnreadableChangeEvent", { unreadable });
}

function messageOf(orgId: string, { id, commitTimestamp }: Received, detailType: string, detail: object): string {
  return JSON.stringify({
    version: "0",
    id,
    "detail-type": detailType,
    source: `aws.partner/salesforce.com/${orgId}/catch-up`,
    time: new Date(commitTimestamp).toISOString(),
    detail,
  });
}

/** `Account` → `AccountChangeEvent`, `Plan__c` → `Plan__ChangeEvent`. */
function eventNameOf(entity: string): string {
  return `${entity.replace(/__c$/, "__")}ChangeEvent`;
}
