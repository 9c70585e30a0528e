import type { StoredRecord } from "../state.ts";
import type { Value } from "../values.ts";

/** The records of one object by id, with an index for each field that has been looked up. */
export class Table {
  readonly #records = new Map<string, StoredRecord>();
  /** Field → value → ids. */
  readonly #indexes = new Map<string, Map<Value, Set<string>>>();

  get size(): number {
    return this.#records.size;
  }

  get(id: string): StoredRecord | undefined {
    return this.#records.get(id);
  }

  /** All records, deleted ones too, in the order in which they were made. */
  all(): StoredRecord[] {
    return [...this.#records.values()];
  }

  put(record: StoredRecord): void {
    const id = String(record.Id);
    const old = this.#records.get(id);
    for (const [field, index] of this.#indexes) {
      if (old) unindex(index, keyOf(old[field]), id);
      addTo(index, keyOf(record[field]), id);
    }
    this.#records.set(id, record);
  }

  remove(id: string): void {
    const old = this.#records.get(id);
    if (!old) return;
    for (const [field, index] of this.#indexes) unindex(index, keyOf(old[field]), id);
    this.#records.delete(id);
  }

  /** Records whose field has the value; texts are compared without regard to case, as external ids are. */
  lookup(field: string, value: Value): StoredRecord[] {
    const index = this.#indexes.get(field) ?? this.#build(field);
    const ids = [...(index.get(keyOf(value)) ?? [])];
    return ids.map((id) => this.#records.get(id)).filter((record) => record !== undefined);
  }

  #build(field: string): Map<Value, Set<string>> {
    const index = new Map<Value, Set<string>>();
    for (const [id, record] of this.#records) addTo(index, keyOf(record[field]), id);
    this.#indexes.set(field, index);
    return index;
  }
}

/** What values are compared by. */
export function keyOf(value: Value | undefined): Value {
  return typeof value === "string" ? value.toLowerCase() : (value ?? null);
}

function addTo(index: Map<Value, Set<string>>, key: Value, id: string): void {
  const ids = index.get(key);
  if (ids) ids.add(id);
  else index.set(key, new Set([id]));
}

function unindex(index: Map<Value, Set<string>>, key: Value, id: string): void {
  const ids = index.get(key);
  ids?.delete(id);
  if (ids?.size === 0) index.delete(key);
}
