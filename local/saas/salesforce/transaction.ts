import type { Change, ChangeType } from "./change-events.ts";
import { entityIsDeleted, noSuchColumn, notEmulated, notFound, SalesforceError } from "./errors.ts";
import type { Field, ObjectType } from "./fields.ts";
import { makeId } from "./ids.ts";
import type { Org } from "./org.ts";
import { requireField, typeOfId } from "./schema.ts";
import type { StoredRecord } from "./state.ts";
import { toSecond, toStored, type Value } from "./values.ts";

interface Staged {
  readonly type: ObjectType;
  readonly kind: ChangeType;
  readonly before: StoredRecord | undefined;
  after: StoredRecord;
}

/**
 * Changes that become visible together. Each operation checks everything before it stages anything, so one that throws
 * leaves the rest of the transaction whole.
 */
export class Transaction {
  readonly #org: Org;
  readonly #userId: string;
  readonly #stamp: string;
  readonly #staged = new Map<string, Staged>();

  constructor(org: Org, userId: string, now: number) {
    this.#org = org;
    this.#userId = userId;
    this.#stamp = toSecond(now);
  }

  /** @returns the new record's id. @throws SalesforceError when a field is wrong, missing or not unique */
  insert(type: ObjectType, input: Readonly<Record<string, unknown>>): string {
    this.#assertWritable(type);
    const values = this.#check(type, input, "createable");
    const missing = [...type.fields.values()].filter(
      (field) => field.required && (values[field.name] ?? null) === null,
    );
    this.#assertNoneMissing(missing);
    this.#assertUnique(type, values, undefined);
    this.#assertReferences(type, values);
    const id = makeId(type.keyPrefix, this.#org.nextSequence(type.keyPrefix));
    const record: StoredRecord = {
      OwnerId: this.#userId,
      ...values,
      Id: id,
      IsDeleted: false,
      CreatedDate: this.#stamp,
      CreatedById: this.#userId,
      ...this.#modified(),
    };
    this.#stage(type, id, "CREATE", undefined, withName(type, record));
    return id;
  }

  /** @throws SalesforceError `ENTITY_IS_DELETED`, `NOT_FOUND`, or the error of a field */
  update(type: ObjectType, id: string, input: Readonly<Record<string, unknown>>): void {
    this.#assertWritable(type);
    const record = this.#requireLive(type, id);
    const values = this.#check(type, input, "updateable");
    this.#assertNoneMissing([...type.fields.values()].filter((field) => field.required && values[field.name] === null));
    this.#assertUnique(type, values, id);
    this.#assertReferences(type, values);
    this.#stage(type, id, "UPDATE", record, withName(type, { ...record, ...values, ...this.#modified() }));
  }

  /** Moves a record to the recycle bin; an account takes its contacts with it. */
  delete(type: ObjectType, id: string): void {
    this.#assertWritable(type);
    const record = this.#requireLive(type, id);
    if (type.name === "Account") this.#deleteContactsOf(id);
    this.#stage(type, id, "DELETE", record, { ...record, IsDeleted: true, ...this.#modified() });
  }

  /** Takes a record out of the recycle bin. */
  undelete(type: ObjectType, id: string): void {
    const record = this.#read(type, id);
    if (!record?.IsDeleted) throw new SalesforceError(400, "UNDELETE_FAILED", "Entity is not in the recycle bin", []);
    this.#assertUnique(type, record, id);
    this.#stage(type, id, "UNDELETE", record, { ...record, IsDeleted: false, ...this.#modified() });
  }

  /** Records of this transaction and the org whose field has the value, without deleted ones. */
  matching(type: ObjectType, field: Field, value: Value): StoredRecord[] {
    const staged = [...this.#staged.values()].filter((one) => one.type === type).map((one) => one.after);
    const untouched = this.#org.records(type).filter((record) => !this.#staged.has(String(record.Id)));
    return [...untouched, ...staged].filter((record) => !record.IsDeleted && sameKey(record[field.name], value));
  }

  /** What was done, one change per record. */
  changes(): Change[] {
    return [...this.#staged.entries()]
      .filter(([, { kind, after }]) => !(kind === "CREATE" && after.IsDeleted))
      .map(([id, staged]) => ({ id, ...staged }));
  }

  #stage(type: ObjectType, id: string, kind: ChangeType, before: StoredRecord | undefined, after: StoredRecord): void {
    const earlier = this.#staged.get(id);
    if (earlier) earlier.after = after;
    else this.#staged.set(id, { type, kind, before, after });
  }

  #read(type: ObjectType, id: string): StoredRecord | undefined {
    return this.#staged.get(id)?.after ?? this.#org.find(type, id);
  }

  #requireLive(type: ObjectType, id: string): StoredRecord {
    const record = this.#read(type, id);
    if (!record) throw notFound();
    if (record.IsDeleted) throw entityIsDeleted();
    return record;
  }

  #deleteContactsOf(accountId: string): void {
    const contact = typeOfId("003");
    if (!contact) return;
    const children = this.matching(contact, requireField(contact, "AccountId"), accountId);
    for (const child of children) this.delete(contact, String(child.Id));
  }

  #modified(): StoredRecord {
    return { LastModifiedDate: this.#stamp, LastModifiedById: this.#userId, SystemModstamp: this.#stamp };
  }

  #check(type: ObjectType, input: Readonly<Record<string, unknown>>, right: "createable" | "updateable"): StoredRecord {
    const values: StoredRecord = {};
    for (const [name, value] of Object.entries(input)) {
      if (name === "attributes") continue;
      const field = type.fields.get(name.toLowerCase());
      if (!field) throw noSuchColumn(name, type.name);
      if (!field[right])
        throw new SalesforceError(
          400,
          "INVALID_FIELD_FOR_INSERT_UPDATE",
          `Unable to create/update fields: ${field.name}. Please check the security settings of this field and verify that it is read/write for your profile or permission set.`,
          [field.name],
        );
      values[field.name] = toStored(field, value);
    }
    return values;
  }

  #assertWritable(type: ObjectType): void {
    if (!type.writable) throw notEmulated(`writing ${type.name} records`);
  }

  #assertNoneMissing(missing: readonly Field[]): void {
    const names = missing.map((field) => field.name);
    if (names.length === 0) return;
    const message = `Required fields are missing: [${names.join(", ")}]`;
    throw new SalesforceError(400, "REQUIRED_FIELD_MISSING", message, names);
  }

  #assertUnique(type: ObjectType, values: StoredRecord, ownId: string | undefined): void {
    for (const field of type.fields.values()) {
      const value = values[field.name];
      if (!field.unique || value === undefined || value === null) continue;
      const other = this.matching(type, field, value).find((record) => record.Id !== ownId);
      if (other)
        throw new SalesforceError(
          400,
          "DUPLICATE_VALUE",
          `duplicate value found: ${field.name} duplicates value on record with id: ${String(other.Id)}`,
          [],
        );
    }
  }

  #assertReferences(type: ObjectType, values: StoredRecord): void {
    for (const field of type.fields.values()) {
      const value = values[field.name];
      if (!field.referenceTo || value === undefined || value === null) continue;
      const target = typeOfId(String(value));
      const record = target && this.#read(target, String(value));
      if (target?.name !== field.referenceTo || !record || record.IsDeleted)
        throw new SalesforceError(400, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [field.name]);
    }
  }
}

/** External ids compare without regard to case. */
function sameKey(left: Value | undefined, right: Value): boolean {
  if (typeof left === "string" && typeof right === "string") return left.toLowerCase() === right.toLowerCase();
  return left === right;
}

function withName(type: ObjectType, record: StoredRecord): StoredRecord {
  if (type.name !== "Contact") return record;
  return { ...record, Name: [record.FirstName, record.LastName].filter(Boolean).join(" ") };
}
