import { z } from "zod";
import { describeError, FleetError } from "#shared/errors.ts";
import { log } from "#shared/observability.ts";
import type { StateTable } from "#shared/state-table.ts";
import type { CustomerSnapshot } from "../mapping/map.ts";
import { keys } from "../org/keys.ts";

/** Related records that are part of a customer, with the account whose customer it is. */
export interface RelatedOwner {
  readonly recordId: string;
  readonly accountId: string;
}

/** The related records of every customer that was read. */
export function ownersOf(snapshots: ReadonlyMap<string, CustomerSnapshot | FleetError>): RelatedOwner[] {
  return [...snapshots].flatMap(([accountId, snapshot]) =>
    snapshot instanceof FleetError ? [] : snapshot.relatedIds.map((recordId) => ({ recordId, accountId })),
  );
}

const ownersSchema = z.looseObject({ accountIds: z.array(z.string()) });

/**
 * Remembers whose customers a related record may be part of: when it moves, the event tells only where to. An account
 * that had the record stays among them until it is read without it, as the event of the move may be lost. A failure is
 * only logged: the full sweep finds a customer that kept a contact which moved away.
 * @param settled accounts whose customers are known to be as they were read now
 */
export async function rememberOwners(
  state: Pick<StateTable, "readMany" | "writeMany">,
  orgId: string,
  owners: readonly RelatedOwner[],
  settled: ReadonlySet<string>,
): Promise<void> {
  if (owners.length === 0) return;
  try {
    const recordIds = owners.map(({ recordId }) => recordId);
    const known = await readOwners(state, orgId, recordIds);
    const entries = owners.flatMap(({ recordId, accountId }) => {
      const before = known.get(recordId) ?? [];
      const others = before.filter((id) => id !== accountId && !settled.has(id));
      if (before.length === others.length + 1 && before.includes(accountId)) return [];
      return [{ key: keys.related(orgId, recordId), value: { accountIds: [accountId, ...others] } }];
    });
    if (entries.length > 0) await state.writeMany(entries);
  } catch (error) {
    log().warn("Owners of related records could not be kept", { records: owners.length, error: describeError(error) });
  }
}

/** The accounts whose customers a related record may be part of, by record id. */
export async function readOwners(
  state: Pick<StateTable, "readMany">,
  orgId: string,
  recordIds: readonly string[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const found = await state.readMany(
    recordIds.map((id) => keys.related(orgId, id)),
    ownersSchema,
  );
  return new Map(
    recordIds.flatMap((id): [string, string[]][] => {
      const owners = found.get(keys.related(orgId, id));
      return owners ? [[id, owners.accountIds]] : [];
    }),
  );
}
