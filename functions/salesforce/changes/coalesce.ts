import { ACCOUNT } from "../mapping/mapping.ts";
import type { ChangeEvent } from "./cdc.ts";

/** Anything that brings a change event, such as a queue delivery, with the accounts that it touches. */
export interface ChangeSource {
  readonly event: ChangeEvent;
  readonly accountIds: readonly string[];
}

/** All that a batch says about one account. */
export interface TouchedAccount<S extends ChangeSource> {
  readonly accountId: string;
  /** The change that came last at the source. */
  readonly newest: ChangeEvent;
  /** The last change that deleted the account, if one did. */
  readonly deletion: ChangeEvent | undefined;
  /** Everything that touched the account; all of it is done when the account is done. */
  readonly causes: readonly S[];
}

/** Groups changes by account. The result does not depend on the order in which they came. */
export function coalesce<S extends ChangeSource>(sources: readonly S[]): TouchedAccount<S>[] {
  const byAccount = new Map<string, S[]>();
  for (const source of sources)
    for (const accountId of source.accountIds) {
      const known = byAccount.get(accountId);
      if (known) known.push(source);
      else byAccount.set(accountId, [source]);
    }
  return [...byAccount].map(([accountId, causes]) => ({
    accountId,
    newest: newestOf(causes.map(({ event }) => event)) as ChangeEvent,
    deletion: newestOf(causes.map(({ event }) => event).filter(isDeletion)),
    causes,
  }));
}

/** The change that came last at the source. */
export function newestOf(events: readonly ChangeEvent[]): ChangeEvent | undefined {
  return events.reduce<ChangeEvent | undefined>(
    (newest, event) => (newest && compare(newest, event) >= 0 ? newest : event),
    undefined,
  );
}

/** A related record that was deleted, such as a contact, deletes no account. */
function isDeletion({ entityName, changeType }: ChangeEvent): boolean {
  return entityName === ACCOUNT && (changeType === "DELETE" || changeType === "GAP_DELETE");
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
