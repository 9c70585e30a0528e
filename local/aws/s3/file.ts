import { appendFileSync, closeSync, fstatSync, openSync, readSync } from "node:fs";

const LENGTH_BYTES = 4;

/** Appends attributes to a file, behind the body: as JSON, followed by the length of that JSON in four bytes. */
export function trailerOf(attributes: object, path: string): void {
  const json = Buffer.from(JSON.stringify(attributes));
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(json.length);
  appendFileSync(path, Buffer.concat([json, length]));
}

/** The attributes at the end of a file. @throws Error naming the file when they cannot be read */
export function readTrailer(path: string): unknown {
  const file = openSync(path, "r");
  try {
    const { size } = fstatSync(file);
    const length = bytes(file, size - LENGTH_BYTES, LENGTH_BYTES).readUInt32BE();
    return JSON.parse(bytes(file, size - LENGTH_BYTES - length, length).toString());
  } catch (cause) {
    throw new Error(`The stored object in ${path} is damaged; delete it, or start with --reset.`, { cause });
  } finally {
    closeSync(file);
  }
}

function bytes(file: number, position: number, length: number): Buffer {
  const buffer = Buffer.alloc(length);
  readSync(file, buffer, 0, length, position);
  return buffer;
}
