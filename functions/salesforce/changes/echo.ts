import { describeError } from "#shared/errors.ts";
import { log } from "#shared/observability.ts";
import type { Found, StateTable } from "#shared/state-table.ts";
import { keys } from "../org/keys.ts";
import { isWritten, type WrittenName } from "../write-back/fields.ts";
import { isKnown, type Written, writtenSchema } from "../write-back/written.ts";
import type { FindEchoes } from "./capture-changes.ts";
import type { ChangeEvent } from "./cdc.ts";

/** Fields that Salesforce sets along with every write. */
const SYSTEM_FIELDS = new Set(["LastModifiedDate", "LastModifiedById", "SystemModstamp"]);

/**
 * Finds the changes that our own write-back caused. Triggers and flows that a write of ours fires share its origin, so
 * the origin alone says nothing: every field of every record must also have a value that we wrote there of late. What
 * is in doubt is no echo, which costs a read and loses nothing. Only changes with our origin cost a look into the state.
 */
export function createEchoFilter(state: Pick<StateTable, "readMany">): FindEchoes {
  return async (changes, clientName, orgId) => {
    const candidates = changes.filter((change) => mayBeEcho(change, clientName));
    if (candidates.length === 0) return new Set();
    const keyOf = (recordId: string) => keys.written(orgId, recordId);
    const ids = new Set(candidates.flatMap(({ recordIds }) => recordIds));
    const kept = await state.readMany([...ids].map(keyOf), writtenSchema).catch((error) => {
      log().warn("Echoes cannot be told from other changes", { error: describeError(error) });
      return new Map<string, Found<{ written: Written }>>();
    });
    const isEcho = (change: ChangeEvent) =>
      change.recordIds.every((recordId) => isOurs(change, kept.get(keyOf(recordId))?.value?.written));
    return new Set(candidates.filter(isEcho));
  };
}

/** What can be said without a look into the state. A gap tells neither its origin nor its fields, so it never may. */
function mayBeEcho(change: ChangeEvent, clientName: string): boolean {
  const { changeType, changeOrigin, recordIds, refusedIds, unnamed, changedFields } = change;
  return (
    changeType === "UPDATE" &&
    changeOrigin.endsWith(`;client=${clientName}`) &&
    recordIds.length > 0 &&
    refusedIds.length === 0 &&
    unnamed === undefined &&
    changedFields.some(isWritten) &&
    changedFields.every((field) => isWritten(field) || SYSTEM_FIELDS.has(field))
  );
}

/** Whether each value of the change is among those last written to one record. */
function isOurs(change: ChangeEvent, written: Written | undefined): boolean {
  if (!written) return false;
  const fields = change.changedFields.filter((field): field is WrittenName => isWritten(field));
  return fields.every((field) => isKnown(written, field, change.changedValues.get(field)));
}
