import type { Field, ObjectType } from "./fields.ts";
import type { Org } from "./org.ts";
import { readPath, resolvePath } from "./soql/evaluate.ts";
import type { StoredRecord } from "./state.ts";
import { toRest } from "./values.ts";

/** A record as the REST API shows it, with the named fields. */
export function renderRecord(
  org: Org,
  type: ObjectType,
  record: StoredRecord,
  fields: readonly string[],
  version: string,
): Record<string, unknown> {
  const shown: Record<string, unknown> = { attributes: attributesOf(type, record, version) };
  for (const name of fields) {
    const path = resolvePath(type, name);
    const parents = name.split(".").slice(0, -1);
    if (path.parents.length === 0) {
      shown[path.field.name] = renderField(type, path.field, record);
      continue;
    }
    putUnderParents(org, shown, record, type, parents, path.field.name, version);
  }
  return shown;
}

/** All fields of an object, as a retrieve without a field list shows them. */
export function allFields(type: ObjectType): string[] {
  return [...type.fields.values()].map((field) => field.name);
}

function renderField(type: ObjectType, field: Field, record: StoredRecord): unknown {
  if (field.type !== "address") return toRest(field, record[field.name]);
  const parts = [...type.fields.values()].filter((part) => part.compound?.name === field.name);
  if (parts.every((part) => (record[part.name] ?? null) === null)) return null;
  return Object.fromEntries(
    parts
      .map((part) => [lowerCamel(part.compound?.part ?? ""), record[part.name] ?? null] as const)
      .sort(([a], [b]) => a.localeCompare(b)),
  );
}

/** Nests a parent's field: `{Account: {attributes, Name}}`; a missing parent is null. */
function putUnderParents(
  org: Org,
  shown: Record<string, unknown>,
  record: StoredRecord,
  type: ObjectType,
  parents: readonly string[],
  fieldName: string,
  version: string,
): void {
  const { parents: steps, field } = resolvePath(type, [...parents, fieldName].join("."));
  let at = shown;
  let current: StoredRecord | undefined = record;
  for (const { key, type: parentType } of steps) {
    const name = key.relationshipName ?? key.name;
    current = current && org.find(parentType, String(current[key.name] ?? ""));
    if (!current) {
      at[name] = null;
      return;
    }
    at[name] = at[name] ?? { attributes: attributesOf(parentType, current, version) };
    at = at[name] as Record<string, unknown>;
  }
  at[field.name] = toRest(field, readPath(org, resolvePath(type, [...parents, fieldName].join(".")), record));
}

function attributesOf(type: ObjectType, record: StoredRecord, version: string): unknown {
  return { type: type.name, url: `/services/data/v${version}/sobjects/${type.name}/${String(record.Id)}` };
}

function lowerCamel(name: string): string {
  return name.charAt(0).toLowerCase() + name.slice(1);
}
