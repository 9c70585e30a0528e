import type { Change, ChangeKind } from "./cdc/event.ts";
import { assertNoneMissing, assertWritable, checkValues, missingFields, unticked, withName } from "./dml/checks.ts";
import { assertSides, contactValues, makesPerson } from "./dml/person-accounts.ts";
import { entityIsDeleted, notFound, SalesforceError } from "./errors.ts";
import type { Field, ObjectType } from "./fields.ts";
import { accountType } from "./objects/account.ts";
import { opportunityType } from "./objects/opportunity.ts";
import { contactType } from "./objects/people.ts";
import type { Org } from "./org.ts";
import { requireField, typeOfId } from "./schema.ts";
import type { StoredRecord } from "./state.ts";
import { keyOf } from "./store/table.ts";
import { toSecond, type Value } from "./values.ts";

interface Staged {
  readonly type: ObjectType;
  kind: ChangeKind;
  readonly before: StoredRecord | undefined;
  after: StoredRecord;
}

/** Objects whose records go where their account goes. */
const CHILDREN = [contactType, opportunityType];

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
    assertWritable(type);
    const values = checkValues(type, input, "createable");
    const isPerson = makesPerson(type, values);
    assertSides(type, isPerson, values);
    assertNoneMissing(missingFields(type, isPerson, (name) => (values[name] ?? null) === null));
    this.#assertUnique(type, values, undefined);
    this.#assertReferences(type, values);
    return isPerson ? this.#createPerson(values) : this.#create(type, this.#org.newId(type), values);
  }

  /** @throws SalesforceError `ENTITY_IS_DELETED`, `NOT_FOUND`, or the error of a field */
  update(type: ObjectType, id: string, input: Readonly<Record<string, unknown>>): void {
    assertWritable(type);
    const record = this.#requireLive(type, id);
    const values = checkValues(type, input, "updateable");
    const isPerson = record.IsPersonAccount === true;
    assertSides(type, isPerson, values);
    assertNoneMissing(missingFields(type, isPerson, (name) => values[name] === null));
    this.#assertUnique(type, values, id);
    this.#assertReferences(type, values);
    this.set(type, id, values);
    const mirrored = isPerson ? contactValues(values) : {};
    if (Object.keys(mirrored).length > 0) this.set(contactType, String(record.PersonContactId), mirrored);
  }

  /** Writes fields of a live record as Salesforce itself does: also those that callers may not write, and unchecked. */
  set(type: ObjectType, id: string, values: StoredRecord): void {
    const record = this.#requireLive(type, id);
    this.#stage(type, id, "UPDATE", record, withName(type, { ...record, ...values, ...this.#modified() }));
  }

  /** Moves a record to the recycle bin; an account takes its contacts and opportunities with it. */
  delete(type: ObjectType, id: string): void {
    assertWritable(type);
    const record = this.#requireLive(type, id);
    if (type === accountType)
      for (const child of CHILDREN)
        for (const { Id } of this.matching(child, requireField(child, "AccountId"), id)) this.delete(child, String(Id));
    this.#stage(type, id, "DELETE", record, { ...record, IsDeleted: true, ...this.#modified() });
  }

  /** Takes a record out of the recycle bin, with the children that went there with it. */
  undelete(type: ObjectType, id: string): void {
    const record = this.find(type, id);
    if (!record?.IsDeleted) throw new SalesforceError(400, "UNDELETE_FAILED", "Entity is not in the recycle bin", []);
    this.#assertUnique(type, record, id);
    this.#stage(type, id, "UNDELETE", record, { ...record, IsDeleted: false, ...this.#modified() });
    if (type !== accountType) return;
    for (const child of CHILDREN)
      for (const one of this.#org.lookup(child, "AccountId", id))
        if (one.IsDeleted && one.SystemModstamp === record.SystemModstamp) this.undelete(child, String(one.Id));
  }

  /** A record as this transaction sees it, deleted or not. */
  find(type: ObjectType, id: string): StoredRecord | undefined {
    return this.#staged.get(id)?.after ?? this.#org.find(type, id);
  }

  /** Records of this transaction and the org whose field has the value, without deleted ones. */
  matching(type: ObjectType, field: Field, value: Value): StoredRecord[] {
    const key = keyOf(value);
    const staged = [...this.#staged.values()].filter((one) => one.type === type).map((one) => one.after);
    const untouched = this.#org
      .lookup(type, field.name, value)
      .filter((record) => !this.#staged.has(String(record.Id)));
    return [...untouched, ...staged.filter((record) => keyOf(record[field.name]) === key)].filter(
      (record) => !record.IsDeleted,
    );
  }

  /** What was done, one change per record. */
  changes(): Change[] {
    return [...this.#staged.entries()]
      .filter(([, { kind, after }]) => !(kind === "CREATE" && after.IsDeleted))
      .map(([id, staged]) => ({ id, ...staged }));
  }

  #create(type: ObjectType, id: string, values: StoredRecord): string {
    const record: StoredRecord = {
      ...unticked(type),
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

  /** A person account is two records. */
  #createPerson(values: StoredRecord): string {
    const id = this.#org.newId(accountType);
    const contactId = this.#org.newId(contactType);
    this.#create(accountType, id, { ...values, IsPersonAccount: true, PersonContactId: contactId });
    this.#create(contactType, contactId, { ...contactValues(values), AccountId: id, IsPersonAccount: true });
    return id;
  }

  /**
   * Several changes of one record in a transaction are one: the first kind with the last data; but what ends deleted
   * was deleted.
   */
  #stage(type: ObjectType, id: string, kind: ChangeKind, before: StoredRecord | undefined, after: StoredRecord): void {
    const earlier = this.#staged.get(id);
    if (!earlier) {
      this.#staged.set(id, { type, kind, before, after });
      return;
    }
    earlier.after = after;
    if (earlier.kind === "UPDATE" && kind === "DELETE") earlier.kind = kind;
  }

  #requireLive(type: ObjectType, id: string): StoredRecord {
    const record = this.find(type, id);
    if (!record) throw notFound();
    if (record.IsDeleted) throw entityIsDeleted();
    return record;
  }

  #modified(): StoredRecord {
    return { LastModifiedDate: this.#stamp, LastModifiedById: this.#userId, SystemModstamp: this.#stamp };
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
      const record = target && this.find(target, String(value));
      if (target?.name !== field.referenceTo || !record || record.IsDeleted)
        throw new SalesforceError(400, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", [field.name]);
    }
  }
}
