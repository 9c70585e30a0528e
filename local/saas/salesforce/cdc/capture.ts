import { type Change, type ChangeEvent, headerOnly, NO_RECORD, type TransactionHeader } from "./event.ts";
import { type Told, tell, weightOf } from "./fields.ts";

/** What is captured, and how much of it. */
export interface Capture {
  /** Names of the objects whose changes are captured. */
  readonly entities: ReadonlySet<string>;
  /** A transaction with more changes than this overflows. */
  readonly overflowThreshold: number;
}

interface Merged {
  readonly change: Change;
  readonly told: Told;
  readonly recordIds: string[];
}

/**
 * The change events of a transaction. The same change to many records of one object makes one event. All objects take part
 * in the numbering, so that a number is missing where an object is not captured.
 * https://developer.salesforce.com/docs/atlas.en-us.change_data_capture.meta/change_data_capture/cdc_subscribe_merged_events.htm
 */
export function toChangeEvents(
  changes: readonly Change[],
  transaction: TransactionHeader,
  capture: Capture,
): ChangeEvent[] {
  const events: ChangeEvent[] = [];
  const overflowing = new Set<string>();
  let weight = 0;
  let sequenceNumber = 0;
  for (const { change, told, recordIds } of merge(changes)) {
    const entityName = change.type.name;
    if (!capture.entities.has(entityName)) {
      sequenceNumber += 1;
      continue;
    }
    weight += weightOf(told) * recordIds.length;
    const isOver = weight > capture.overflowThreshold;
    if (isOver && overflowing.has(entityName)) continue;
    sequenceNumber += 1;
    const event = { transaction, sequenceNumber, entityName, changeType: change.kind, recordIds, ...told };
    if (isOver) overflowing.add(entityName);
    events.push(isOver ? headerOnly(event, "GAP_OVERFLOW", [NO_RECORD]) : event);
  }
  return events;
}

function merge(changes: readonly Change[]): Iterable<Merged> {
  const merged = new Map<string, Merged>();
  for (const change of changes) {
    const told = tell(change);
    const key = JSON.stringify([change.type.name, change.kind, told]);
    const same = merged.get(key);
    if (same) same.recordIds.push(change.id);
    else merged.set(key, { change, told, recordIds: [change.id] });
  }
  return merged.values();
}
