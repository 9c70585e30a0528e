import { z } from "zod";
import { inParallel } from "#shared/chunks.ts";
import { describeError, FleetError } from "#shared/errors.ts";
import { log } from "#shared/observability.ts";
import type { Found, StateTable } from "#shared/state-table.ts";
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

type OwnersState = Pick<StateTable, "readMany" | "replace">;

/** What accounts were read, and what to do about records of which nobody knows any more whose they were. */
export interface OwnersContext {
  readonly orgId: string;
  /** Accounts whose customers are known to be as they were read now. */
  readonly settled: ReadonlySet<string>;
  /** Asks for a comparison of all customers before what cannot be read is replaced; absent when one is under way. */
  readonly onLost?: ((recordIds: readonly string[]) => Promise<void>) | undefined;
}

/** Accounts that a related record may be part of still and that were not read now, by record id. */
export type DoubtfulOwners = ReadonlyMap<string, readonly string[]>;

/** Requests to the state table at the same time. */
const WRITES_AT_ONCE = 25;
const ROUNDS = 5;

/**
 * Remembers whose customers a related record may be part of: when it moves, the event tells only where to. An account
 * that had the record stays among them until it is read without it, as the event of the move may be lost. What others
 * write at the same time is read again and never written over. A failure is only logged: the full sweep finds a customer
 * that kept a contact which moved away.
 */
export async function rememberOwners(
  state: OwnersState,
  owners: readonly RelatedOwner[],
  context: OwnersContext,
): Promise<DoubtfulOwners> {
  const doubtful = new Map<string, readonly string[]>();
  let left = Map.groupBy(owners, ({ recordId }) => recordId);
  try {
    for (let round = 0; left.size > 0 && round < ROUNDS; round += 1) {
      const known = await readKnown(state, context, [...left.keys()]);
      const writes = await inParallel([...left], WRITES_AT_ONCE, async ([recordId, some]) => {
        const { others, written } = await writeOwners(state, context, some, known.get(recordId));
        doubtful.set(recordId, others);
        return written;
      });
      left = new Map([...left].filter((_, index) => !writes[index]));
    }
    if (left.size > 0) log().warn("Owners of related records keep changing", { records: left.size });
  } catch (error) {
    log().warn("Owners of related records could not be kept", { records: left.size, error: describeError(error) });
  }
  return doubtful;
}

/** What is kept of some records, by record id. */
async function readKnown(
  state: OwnersState,
  { orgId, onLost }: OwnersContext,
  recordIds: readonly string[],
): Promise<ReadonlyMap<string, Found<z.infer<typeof ownersSchema>>>> {
  const found = await state.readMany(
    recordIds.map((id) => keys.related(orgId, id)),
    ownersSchema,
  );
  const known = new Map(
    recordIds.flatMap((id) => {
      const kept = found.get(keys.related(orgId, id));
      return kept ? [[id, kept] as const] : [];
    }),
  );
  const lost = [...known].flatMap(([id, { value }]) => (value ? [] : [id]));
  if (lost.length > 0) await onLost?.(lost);
  return known;
}

/** Writes the accounts of one record, unless they are kept already, or somebody else wrote meanwhile. */
async function writeOwners(
  state: OwnersState,
  { orgId, settled }: OwnersContext,
  [first, ...more]: readonly RelatedOwner[],
  kept: Found<z.infer<typeof ownersSchema>> | undefined,
): Promise<{ others: readonly string[]; written: boolean }> {
  if (!first) return { others: [], written: true };
  const having = [first, ...more].map(({ accountId }) => accountId);
  const before = kept?.value?.accountIds ?? [];
  const others = before.filter((id) => !having.includes(id) && !settled.has(id));
  const accountIds = [...having, ...others];
  const isKept = before.length === accountIds.length && having.every((id) => before.includes(id));
  const written =
    isKept || (await state.replace(keys.related(orgId, first.recordId), { accountIds }, kept?.revision ?? 0));
  return { others, written };
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
      const owners = found.get(keys.related(orgId, id))?.value;
      return owners ? [[id, owners.accountIds]] : [];
    }),
  );
}
