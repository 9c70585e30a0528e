import { type ChangeEvent, isGap } from "./event.ts";

/** The `detail` of an event as Event Relay puts it on the partner bus. */
export function toRelayDetail(event: ChangeEvent): string {
  return JSON.stringify({ payload: toPayload(event) });
}

/** The `data` member of a CometD message. `replayId` is the event's place on the bus. */
export function toCometdData(event: ChangeEvent, replayId: number, schemaId: string): unknown {
  return { schema: schemaId, payload: toPayload(event), event: { replayId } };
}

/**
 * The JSON encoding: a field that is absent has not changed, one that is null was cleared.
 * https://developer.salesforce.com/docs/atlas.en-us.change_data_capture.meta/change_data_capture/cdc_message_structure.htm
 */
function toPayload(event: ChangeEvent): unknown {
  const { transaction, changeType } = event;
  return {
    ChangeEventHeader: {
      commitNumber: rawNumber(transaction.commitNumber),
      commitUser: transaction.commitUser,
      sequenceNumber: event.sequenceNumber,
      entityName: event.entityName,
      changeType,
      ...(isGap(changeType) ? {} : { changedFields: event.changedFields }),
      changeOrigin: isGap(changeType) ? "" : transaction.changeOrigin,
      transactionKey: transaction.transactionKey,
      commitTimestamp: transaction.commitTimestamp,
      recordIds: event.recordIds,
    },
    ...event.fields,
  };
}

/** A JSON number with all its digits; JSON.stringify alone would round it. */
function rawNumber(digits: string): unknown {
  return (JSON as typeof JSON & { rawJSON(text: string): unknown }).rawJSON(digits);
}
