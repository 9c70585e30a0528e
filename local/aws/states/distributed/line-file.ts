import { closeSync, existsSync, fstatSync, ftruncateSync, openSync, readSync, rmSync, writeSync } from "node:fs";

/** Where the body of a line stands. */
export interface Place {
  readonly offset: number;
  readonly length: number;
}

const SCAN_BYTES = 1024 * 1024;
const [TAB, NEWLINE] = [9, 10];

/**
 * A file of lines that is only appended to: each line has a short head, a tab and a body of JSON text, which has
 * neither tabs nor line ends of its own. Bodies stay on the disk; who reads them keeps their places.
 */
export class LineFile {
  readonly #path: string;
  #file: number | undefined;
  #size = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** Appends a line and tells where its body stands. */
  append(head: string, body: string): Place {
    const file = this.#open();
    const bytes = Buffer.from(`${head}\t${body}\n`);
    const offset = this.#size + Buffer.byteLength(head) + 1;
    writeSync(file, bytes, 0, bytes.length, this.#size);
    this.#size += bytes.length;
    return { offset, length: this.#size - offset - 1 };
  }

  read({ offset, length }: Place): string {
    const bytes = Buffer.alloc(length);
    readSync(this.#open(), bytes, 0, length, offset);
    return bytes.toString();
  }

  /** Shows every line of an earlier run. Half a line at the end, from a crash, is cut off. */
  scan(see: (head: string, place: Place) => void): void {
    if (!existsSync(this.#path)) return;
    const file = this.#open();
    const { size } = fstatSync(file);
    let rest: Buffer = Buffer.alloc(0);
    let restAt = 0;
    for (let at = 0; at < size; ) {
      const bytes = Buffer.alloc(Math.min(SCAN_BYTES, size - at));
      at += readSync(file, bytes, 0, bytes.length, at);
      rest = Buffer.concat([rest, bytes]);
      let begin = 0;
      for (let end = rest.indexOf(NEWLINE); end >= 0; end = rest.indexOf(NEWLINE, begin)) {
        const tab = rest.indexOf(TAB, begin);
        see(rest.toString("latin1", begin, tab), { offset: restAt + tab + 1, length: end - tab - 1 });
        begin = end + 1;
      }
      rest = rest.subarray(begin);
      restAt += begin;
    }
    this.#size = restAt;
    ftruncateSync(file, restAt);
  }

  /** Forgets all lines. */
  clear(): void {
    ftruncateSync(this.#open(), 0);
    this.#size = 0;
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  delete(): void {
    this.close();
    rmSync(this.#path, { force: true });
  }

  #open(): number {
    this.#file ??= openSync(this.#path, existsSync(this.#path) ? "r+" : "w+", 0o600);
    return this.#file;
  }
}
