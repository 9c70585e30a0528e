import type { Field, ObjectType } from "./fields.ts";
import type { Org } from "./org.ts";
import { followParents, type Path, resolvePath } from "./soql/path.ts";
import type { Scope } from "./soql/scope.ts";
import type { StoredRecord } from "./state.ts";
import { toRest } from "./values.ts";

/** A record as JSON of the REST API. */
export type Shown = Record<string, unknown>;

/**
 * Makes a function that shows records as the REST API does, with the named fields; parents nest: `{Account: {Name}}`.
 * @throws SalesforceError `INVALID_FIELD` for a name that the object does not have
 */
export function rendererOf(scope: Scope, type: ObjectType, names: readonly string[]): (record: StoredRecord) => Shown {
  const paths = names.map((name) => resolvePath(scope, type, name));
  const own = paths.filter((path) => path.parents.length === 0).map((path) => columnOf(type, path.field));
  const foreign = paths.filter((path) => path.parents.length > 0);
  return (record) => {
    const shown: Shown = { attributes: attributesOf(type, record, scope.version) };
    for (const { name, show } of own) shown[name] = show(record);
    for (const path of foreign) putUnderParents(scope, shown, record, path);
    return shown;
  };
}

/** All fields of an object, as a retrieve without a field list shows them. */
export function allFields(type: ObjectType): string[] {
  return [...type.fields.values()].map((field) => field.name);
}

interface Column {
  readonly name: string;
  show(record: StoredRecord): unknown;
}

function columnOf(type: ObjectType, field: Field): Column {
  const { name } = field;
  if (field.type !== "address") return { name, show: (record) => toRest(field, record[name]) };
  const parts = [...type.fields.values()]
    .filter((part) => part.compound?.name === name)
    .map((part) => [lowerCamel(part.compound?.part ?? ""), part.name] as const)
    .sort(([a], [b]) => a.localeCompare(b));
  return {
    name,
    show(record) {
      if (parts.every(([, stored]) => (record[stored] ?? null) === null)) return null;
      return Object.fromEntries(parts.map(([key, stored]) => [key, record[stored] ?? null]));
    },
  };
}

/** Nests a parent's field: `{Account: {attributes, Name}}`; a missing parent is null. */
function putUnderParents(scope: Scope, shown: Shown, record: StoredRecord, path: Path): void {
  let at = shown;
  for (const [index, { key, type }] of path.parents.entries()) {
    const name = key.relationshipName ?? key.name;
    const parent = followParents(scope.org, path.parents.slice(0, index + 1), record);
    if (!parent) {
      at[name] = null;
      return;
    }
    at[name] ??= { attributes: attributesOf(type, parent, scope.version) };
    at = at[name] as Shown;
  }
  const owner = ownerOf(scope.org, path, record);
  if (owner) at[path.field.name] = columnOf(path.type, path.field).show(owner);
}

/** The record that has the field at the end of a path. */
export function ownerOf(org: Org, path: Path, record: StoredRecord): StoredRecord | undefined {
  return path.parents.length === 0 ? record : followParents(org, path.parents, record);
}

function attributesOf(type: ObjectType, record: StoredRecord, version: string): unknown {
  return { type: type.name, url: `/services/data/v${version}/sobjects/${type.name}/${String(record.Id)}` };
}

function lowerCamel(name: string): string {
  return name.charAt(0).toLowerCase() + name.slice(1);
}
