import { formatVersion } from "#shared/contracts/customer.ts";
import { customerChanged, customerDeleted } from "#shared/contracts/events.ts";
import { FleetError, InvalidInputError, TransientError } from "#shared/errors.ts";
import { createEvent, type OutgoingEvent, type Publish } from "#shared/publish.ts";
import type { StateTable } from "#shared/state-table.ts";
import type { Deletion, Salesforce } from "../client/types.ts";
import type { CustomerSnapshot } from "../mapping/map.ts";
import { ACCOUNT } from "../mapping/mapping.ts";
import { readCustomers, type SnapshotReader } from "../mapping/snapshots.ts";
import type { ChangeSource, TouchedAccount } from "./coalesce.ts";
import { type ChangeIdentity, metadataOf } from "./identity.ts";
import { type DoubtfulOwners, type OwnersContext, ownersOf, rememberOwners } from "./owners.ts";

/** An account that a batch touches, with what names the change that did it last. */
export type IdentifiedAccount = TouchedAccount<ChangeSource> & { readonly identity: ChangeIdentity };

export interface StateDependencies {
  readonly salesforce: SnapshotReader & Pick<Salesforce, "findDeleted">;
  readonly state: Pick<StateTable, "readMany" | "replace">;
  readonly publish: Publish;
  readonly onLost?: OwnersContext["onLost"];
  /** Epoch milliseconds. */
  readonly now: () => number;
}

/** What became of accounts. */
export interface Published {
  /** By account id: the version that was published, or why nothing was. */
  readonly outcomes: ReadonlyMap<string, string | Error>;
  readonly doubtful: DoubtfulOwners;
}

/** What Salesforce has now. */
interface State {
  /** Taken before the read: what was committed until then is in the snapshots for sure. */
  readonly readAt: number;
  readonly snapshots: ReadonlyMap<string, CustomerSnapshot | FleetError>;
  readonly deletions: ReadonlyMap<string, Deletion>;
}

/** Reads accounts and publishes `customer.changed` or `customer.deleted` for each. */
export async function publishState(
  touched: readonly IdentifiedAccount[],
  orgId: string,
  deps: StateDependencies,
): Promise<Published> {
  const state = await readState(touched, deps);
  const outcomes = new Map<string, string | Error>();
  const events = new Map<OutgoingEvent, string>();
  for (const account of touched)
    try {
      events.set(toEvent(account, orgId, state), account.accountId);
    } catch (error) {
      outcomes.set(account.accountId, error as Error);
    }
  for (const { event, error } of await deps.publish([...events.keys()])) {
    const { version } = event.detail.data as { version: string };
    outcomes.set(events.get(event) as string, error ?? version);
  }
  const settled = new Set([...outcomes].flatMap(([id, outcome]) => (outcome instanceof Error ? [] : [id])));
  const owners = ownersOf(state.snapshots).filter(({ accountId }) => settled.has(accountId));
  const doubtful = await rememberOwners(deps.state, owners, { orgId, settled, onLost: deps.onLost });
  return { outcomes, doubtful };
}

async function readState(
  touched: readonly IdentifiedAccount[],
  { salesforce, now }: StateDependencies,
): Promise<State> {
  const readAt = now();
  const snapshots = await readCustomers(
    salesforce,
    touched.map(({ accountId }) => accountId),
  );
  const unexplained = touched.filter(({ accountId, deletion }) => !snapshots.has(accountId) && !deletion);
  const missing = unexplained.map(({ accountId }) => accountId);
  const deletions = missing.length > 0 ? await salesforce.findDeleted(ACCOUNT, missing) : new Map();
  return { readAt, snapshots, deletions };
}

/** A present snapshot wins over any deletion that was told: the account may be back. */
function toEvent(account: IdentifiedAccount, orgId: string, { readAt, snapshots, deletions }: State): OutgoingEvent {
  const { accountId, newest, deletion, identity } = account;
  const metadata = metadataOf(newest, identity, orgId);
  const snapshot = snapshots.get(accountId);
  if (snapshot instanceof FleetError) throw snapshot;
  if (snapshot) {
    const version = formatVersion(snapshot.systemModstamp, newest.commitTimestamp, readAt);
    return createEvent(customerChanged, metadata, { customer: snapshot.customer, version });
  }
  const deletedAt = deletion?.commitTimestamp ?? momentOf(accountId, deletions.get(accountId));
  const version = formatVersion(deletedAt, newest.commitTimestamp, readAt);
  return createEvent(customerDeleted, metadata, { customerId: accountId, orgId, version });
}

/** When an account was deleted of which no deletion was told. */
function momentOf(accountId: string, found: Deletion | undefined): string {
  if (found?.isDeleted) return found.systemModstamp;
  if (found) throw new TransientError("READ_RACE", `Account ${accountId} came back while it was read.`);
  throw new InvalidInputError(
    "ACCOUNT_GONE",
    `Account ${accountId} is neither there nor in the recycle bin: it was deleted for good, or the integration user lost ` +
      "access to it. Check the user's View All permission, then redrive.",
  );
}
