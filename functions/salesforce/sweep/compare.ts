import type { CustomerRecord } from "#shared/customer-record.ts";
import { FleetError, InvalidInputError } from "#shared/errors.ts";
import { hashOf } from "#shared/hash.ts";
import { ownersOf, rememberOwners } from "../changes/owners.ts";
import type { CustomerSnapshot } from "../mapping/map.ts";
import { readCustomers } from "../mapping/snapshots.ts";
import { WRITTEN_NAMES } from "../write-back/fields.ts";
import { tellsOutcome } from "../write-back/outcome.ts";
import type { Deleted } from "./deletions.ts";
import { type EqualCustomer, type Findings, NO_FINDINGS, type Repair } from "./findings.ts";
import type { Unusable } from "./park.ts";
import type { CompareDependencies } from "./scope.ts";
import { sweepVersion } from "./versions.ts";

type Outcome =
  | { readonly repair: Repair }
  | { readonly equal: EqualCustomer }
  | { readonly error: FleetError }
  | undefined;

/**
 * Compares the content of customers with what Salesforce has now, and what the account tells of its billing with what
 * was written back. An account that is gone meanwhile is left to whoever lists what was deleted.
 * @param stored what the store held before; customers that are not stored are missing
 * @throws the error of an account that cannot be read for now
 */
export async function compareContents(
  customerIds: readonly string[],
  stored: ReadonlyMap<string, CustomerRecord>,
  orgId: string,
  { salesforce, state, now, onLost }: CompareDependencies,
): Promise<Omit<Findings, "compared">> {
  const readAt = now();
  const snapshots = await readCustomers(salesforce, customerIds, WRITTEN_NAMES);
  const repairs: Repair[] = [];
  const equal: EqualCustomer[] = [];
  const unusable: Unusable[] = [];
  for (const customerId of customerIds) {
    const outcome = judge(snapshots.get(customerId), stored.get(customerId), orgId, readAt);
    if (outcome && "repair" in outcome) repairs.push(outcome.repair);
    if (outcome && "equal" in outcome) equal.push(outcome.equal);
    if (outcome && "error" in outcome) unusable.push({ customerId, error: outcome.error });
  }
  // What has to be repaired may fail yet, so it is not settled.
  const settled = new Set(equal.map(({ customer }) => customer.customerId));
  await rememberOwners(state, ownersOf(snapshots), { orgId, settled, onLost });
  return { ...NO_FINDINGS, repairs, equal, unusable };
}

function judge(
  snapshot: CustomerSnapshot | FleetError | undefined,
  stored: CustomerRecord | undefined,
  orgId: string,
  readAt: number,
): Outcome {
  if (snapshot === undefined) return undefined;
  if (snapshot instanceof FleetError) {
    if (snapshot.retryable) throw snapshot;
    return { error: snapshot };
  }
  const { customer, account } = snapshot;
  if (stored && stored.orgId !== orgId) return { error: otherOrg(customer.customerId, stored.orgId) };
  const happenedAt = Date.parse(snapshot.systemModstamp);
  const version = sweepVersion(happenedAt, stored?.version, readAt);
  // A live change was faster.
  if (stored && stored.version >= version) return undefined;
  const isEqual = stored && !stored.deleted && stored.contentHash === hashOf(customer);
  if (isEqual && tellsOutcome(account, stored.links.stripe?.id))
    return { equal: { customer, version, happenedAt, stored } };
  const kind = stored ? "different" : "missing";
  return { repair: { kind, customerId: customer.customerId, version, customer, happenedAt } };
}

/** The deletions that the store does not know of; one that it knows something newer of is none. */
export function compareDeletions(
  gone: readonly Deleted[],
  stored: ReadonlyMap<string, CustomerRecord>,
  orgId: string,
  readAt: number,
): Repair[] {
  return gone.flatMap(({ id: customerId, deletedAt }): Repair[] => {
    const record = stored.get(customerId);
    if (!record || record.deleted || record.orgId !== orgId) return [];
    const version = sweepVersion(deletedAt, record.version, readAt);
    if (record.version >= version) return [];
    return [{ kind: "deleted", customerId, version, customer: undefined, happenedAt: deletedAt }];
  });
}

function otherOrg(customerId: string, storedOrgId: string): InvalidInputError {
  return new InvalidInputError(
    "OTHER_ORG",
    `Customer ${customerId} is stored for organisation ${storedOrgId}; it is left as it is.`,
  );
}
