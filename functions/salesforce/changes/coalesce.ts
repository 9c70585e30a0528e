import type { ChangeEvent } from "./cdc.ts";

/** Anything that brings a change event, such as a queue delivery. */
export interface ChangeSource {
  readonly event: ChangeEvent;
}

/** All that a batch says about one record. */
export interface TouchedRecord<S extends ChangeSource> {
  readonly recordId: string;
  /** The change that came last at the source. */
  readonly newest: ChangeEvent;
  /** The last change that deleted the record, if one did. */
  readonly deletion: ChangeEvent | undefined;
  /** Everything that named the record; all of it is done when the record is done. */
  readonly causes: readonly S[];
}

/** Groups changes by record. The result does not depend on the order in which they came. */
export function coalesce<S extends ChangeSource>(sources: readonly S[]): TouchedRecord<S>[] {
  const byRecord = new Map<string, S[]>();
  for (const source of sources)
    for (const recordId of source.event.recordIds) {
      const known = byRecord.get(recordId);
      if (known) known.push(source);
      else byRecord.set(recordId, [source]);
    }
  return [...byRecord].map(([recordId, causes]) => ({
    recordId,
    newest: newestOf(causes.map(({ event }) => event)) as ChangeEvent,
    deletion: newestOf(causes.map(({ event }) => event).filter(isDeletion)),
    causes,
  }));
}

function isDeletion({ changeType }: ChangeEvent): boolean {
  return changeType === "DELETE" || changeType === "GAP_DELETE";
}

function newestOf(events: readonly ChangeEvent[]): ChangeEvent | undefined {
  return events.reduce<ChangeEvent | undefined>(
    (newest, event) => (newest && compare(newest, event) >= 0 ? newest : event),
    undefined,
  );
}

/** By commit, then by place in the transaction; the last two only make the order total. */
function compare(a: ChangeEvent, b: ChangeEvent): number {
  return (
    a.commitTimestamp - b.commitTimestamp ||
    a.sequenceNumber - b.sequenceNumber ||
    compareText(a.transactionKey, b.transactionKey) ||
    compareText(a.eventId, b.eventId)
  );
}

function compareText(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
