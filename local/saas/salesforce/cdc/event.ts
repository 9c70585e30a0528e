import type { ObjectType } from "../fields.ts";
import type { StoredRecord } from "../state.ts";

/** What a transaction does to a record. */
export type ChangeKind = "CREATE" | "UPDATE" | "DELETE" | "UNDELETE";
/** `changeType` of an event; a gap says that something happened, and not what. */
export type ChangeType = ChangeKind | `GAP_${ChangeKind}` | "GAP_OVERFLOW";

/** Stands for "no single record" in the `recordIds` of an overflow. */
export const NO_RECORD = "000000000000000AAA";

/** What one transaction did to one record. */
export interface Change {
  readonly type: ObjectType;
  readonly id: string;
  readonly kind: ChangeKind;
  readonly before: StoredRecord | undefined;
  readonly after: StoredRecord;
}

/** The part of `ChangeEventHeader` that all events of a transaction share. */
export interface TransactionHeader {
  /** Which door and which client, such as `com/salesforce/api/rest/66.0;client=connector-fleet`. */
  readonly changeOrigin: string;
  readonly transactionKey: string;
  /** Epoch milliseconds, in whole seconds. */
  readonly commitTimestamp: number;
  /** 19 digits; travels as a JSON number, above what a double can hold. */
  readonly commitNumber: string;
  readonly commitUser: string;
}

/**
 * One change event in the form that all encodings are made of.
 * https://developer.salesforce.com/docs/atlas.en-us.change_data_capture.meta/change_data_capture/cdc_event_fields_header.htm
 */
export interface ChangeEvent {
  readonly transaction: TransactionHeader;
  /** Place in the transaction, from 1. */
  readonly sequenceNumber: number;
  readonly entityName: string;
  readonly changeType: ChangeType;
  readonly recordIds: readonly string[];
  /** Names of what an UPDATE changed; parts of compounds as `BillingAddress.City`. */
  readonly changedFields: readonly string[];
  /** Values by field name; compounds hold the parts that are told, and a long text may be `{diff}`. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Name of an object's event, such as `AccountChangeEvent` and `Invoice__ChangeEvent`. */
export function eventName(entityName: string): string {
  return entityName.endsWith("__c") ? `${entityName.slice(0, -"__c".length)}__ChangeEvent` : `${entityName}ChangeEvent`;
}

export function isGap(changeType: ChangeType): boolean {
  return changeType.startsWith("GAP_");
}

/** The same place on the bus with a header only: what has happened to these records is not told. */
export function headerOnly(event: ChangeEvent, changeType: ChangeType, recordIds = event.recordIds): ChangeEvent {
  return { ...event, changeType, recordIds, changedFields: [], fields: {} };
}
