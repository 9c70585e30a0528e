import type { Change } from "../cdc/event.ts";
import type { ObjectType } from "../fields.ts";
import { OBJECT_TYPES } from "../schema.ts";
import type { StoredRecord } from "../state.ts";
import type { Store } from "../store/store.ts";

type Read = (type: ObjectType, id: string) => StoredRecord | undefined;

/** The record with the values of its formulas. */
export function withFormulas(type: ObjectType, record: StoredRecord, read: Read): StoredRecord {
  const fields = [...type.fields.values()].filter((field) => field.formula);
  if (fields.length === 0) return record;
  const values = fields.map((field): [string, StoredRecord[string]] => {
    const { parent = "", field: shown = "" } = field.formula ?? {};
    const parentType = OBJECT_TYPES.find((one) => one.name === type.fields.get(parent.toLowerCase())?.referenceTo);
    const source = parentType && read(parentType, String(record[parent] ?? ""));
    return [field.name, source?.[shown] ?? null];
  });
  return { ...record, ...Object.fromEntries(values) };
}

/**
 * Records whose formulas show something else now that their parents have changed. Nothing tells of it: no event, no new
 * `LastModifiedDate` and no new `SystemModstamp`.
 * https://developer.salesforce.com/docs/atlas.en-us.change_data_capture.meta/change_data_capture/cdc_event_fields_body.htm
 */
export function movedFormulas(store: Store, changes: readonly Change[], read: Read): [ObjectType, StoredRecord][] {
  const changed = new Set(changes.map(({ id }) => id));
  const moved: [ObjectType, StoredRecord][] = [];
  for (const child of OBJECT_TYPES)
    for (const { formula } of child.fields.values()) {
      if (!formula) continue;
      const parent = child.fields.get(formula.parent.toLowerCase())?.referenceTo;
      for (const { type, id, before, after } of changes) {
        if (type.name !== parent || before?.[formula.field] === after[formula.field]) continue;
        for (const record of store.table(child).lookup(formula.parent, id))
          if (!changed.has(String(record.Id))) moved.push([child, withFormulas(child, record, read)]);
      }
    }
  return moved;
}
