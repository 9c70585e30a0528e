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

const ownerSchema = z.looseObject({ accountId: z.string() });

/**
 * Remembers whose customer a related record is part of: when it moves, the event tells only where to. A failure is only
 * logged: the full sweep finds a customer that kept a contact which moved away.
 */
export async function rememberOwners(
  state: Pick<StateTable, "writeMany">,
  orgId: string,
  owners: readonly RelatedOwner[],
): Promise<void> {
  if (owners.length === 0) return;
  const entries = owners.map(({ recordId, accountId }) => ({
    key: keys.related(orgId, recordId),
    value: { accountId },
  }));
  await state.writeMany(entries).catch((error) => {
    log().warn("Owners of related records could not be kept", { records: owners.length, error: describeError(error) });
  });
}

/** The account whose customer a related record was last part of, by record id. */
export async function readOwners(
  state: Pick<StateTable, "readMany">,
  orgId: string,
  recordIds: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const found = await state.readMany(
    recordIds.map((id) => keys.related(orgId, id)),
    ownerSchema,
  );
  return new Map(
    recordIds.flatMap((id): [string, string][] => {
      const owner = found.get(keys.related(orgId, id));
      return owner ? [[id, owner.accountId]] : [];
    }),
  );
}
