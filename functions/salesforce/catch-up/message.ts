import { MAX_MESSAGE_BYTES } from "#shared/send-messages.ts";
import type { ReceivedChange } from "./received.ts";

/**
 * A change as it would have come over the partner bus. One that is too large for a queue loses its fields: whoever works
 * it reads the record anyway, and needs only the header.
 */
export function toMessage(orgId: string, change: ReceivedChange): string {
  const whole = messageOf(orgId, change, change.payload);
  if (Buffer.byteLength(whole) <= MAX_MESSAGE_BYTES) return whole;
  return messageOf(orgId, change, { ChangeEventHeader: change.payload.ChangeEventHeader });
}

function messageOf(orgId: string, { id, entityName, commitTimestamp }: ReceivedChange, payload: object): string {
  return JSON.stringify({
    version: "0",
    id,
    "detail-type": eventNameOf(entityName),
    source: `aws.partner/salesforce.com/${orgId}/catch-up`,
    time: new Date(commitTimestamp).toISOString(),
    detail: { payload },
  });
}

/** `Account` → `AccountChangeEvent`, `Plan__c` → `Plan__ChangeEvent`. */
function eventNameOf(entity: string): string {
  return `${entity.replace(/__c$/, "__")}ChangeEvent`;
}
