/** Keys of what the connector remembers in its state table. */
export const keys = {
  /** Replay position of a channel: where the catch-up reader goes on. */
  position: (orgId: string, channel: string) => `position/${orgId}/${channel}`,
  /** When a channel was last read by the catch-up, also when nothing was new. */
  looked: (orgId: string, channel: string) => `looked/${orgId}/${channel}`,
  /** A change that was captured, whichever feed brought it. */
  seen: (orgId: string, change: { transactionKey: string; sequenceNumber: number }, recordId: string) =>
    `seen/${orgId}/${change.transactionKey}/${change.sequenceNumber}/${recordId}`,
  /** Account whose customer a related record, such as the billing contact, was last part of. */
  related: (orgId: string, recordId: string) => `related/${orgId}/${recordId}`,
  /** Hashes of what was last written back to a record. */
  written: (orgId: string, recordId: string) => `written/${orgId}/${recordId}`,
  /** Until when an object is known to be equal. */
  sweep: (orgId: string, entity: string) => `sweep/${orgId}/${entity}`,
} as const;
