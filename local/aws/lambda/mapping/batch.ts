import type { SqsRecord } from "./record.ts";

/** An invocation payload holds at most 6 MB, the frame of the event included. */
const MAX_BYTES = 6_291_456 - 64;

/** Records on their way into one invocation. */
export class Batch {
  readonly records: SqsRecord[] = [];
  readonly #size: number;
  #bytes = 0;

  /** @param size most records in one batch */
  constructor(size: number) {
    this.#size = size;
  }

  /** How many more records may come in. */
  get room(): number {
    return this.#size - this.records.length;
  }

  /** Adds the record unless the batch is full; a first record always fits. */
  add(record: SqsRecord): boolean {
    const bytes = Buffer.byteLength(JSON.stringify(record)) + 1;
    if (this.room <= 0 || (this.records.length > 0 && this.#bytes + bytes > MAX_BYTES)) return false;
    this.records.push(record);
    this.#bytes += bytes;
    return true;
  }
}
