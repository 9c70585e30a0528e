import type { Field, ObjectType } from "../fields.ts";
import { OBJECT_TYPES } from "../schema.ts";

/** A list of children under a parent, such as `Contacts` of an Account. */
export interface ChildRelationship {
  readonly name: string;
  readonly child: ObjectType;
  /** Field of the child that holds the parent's id. */
  readonly field: Field;
}

/** Names of child relationships by `Child.Field`; references without one cannot be queried from the parent. */
const NAMES: Readonly<Record<string, string>> = {
  "Contact.AccountId": "Contacts",
  "Account.ParentId": "ChildAccounts",
};

/** The named child relationships of an object, and those without a name as describe lists them. */
export function childrenOf(
  parent: ObjectType,
): { readonly name: string | null; readonly child: ObjectType; readonly field: Field }[] {
  return OBJECT_TYPES.flatMap((child) =>
    [...child.fields.values()]
      .filter((field) => field.referenceTo === parent.name)
      .map((field) => ({ name: NAMES[`${child.name}.${field.name}`] ?? null, child, field })),
  );
}

export function findChildRelationship(parent: ObjectType, name: string): ChildRelationship | undefined {
  for (const { name: known, child, field } of childrenOf(parent))
    if (known?.toLowerCase() === name.toLowerCase()) return { name: known, child, field };
  return undefined;
}
