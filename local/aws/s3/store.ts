import { createHash, randomUUID } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import type { StoredChecksum } from "./checksums.ts";
import { readTrailer, trailerOf } from "./file.ts";
import { compareKeys } from "./order.ts";

/** What a caller says of an object. */
export interface ObjectAttributes {
  readonly contentType: string;
  /** Stored headers beside `content-type`, such as `cache-control`, by lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** An object without its body. */
export interface StoredObject extends ObjectAttributes {
  readonly bucket: string;
  readonly key: string;
  /** With its quotes, as S3 writes it. */
  readonly etag: string;
  readonly size: number;
  /** Epoch milliseconds. */
  readonly lastModified: number;
  readonly checksum?: StoredChecksum;
  /** Name of the file that holds body and attributes. */
  readonly file: string;
}

/** A body that is written but nobody can see yet. */
export interface Draft {
  readonly size: number;
  readonly md5: Buffer;
  read(): Promise<Readable>;
  /** Makes the object visible in place of an older one. */
  publish(attributes: ObjectAttributes & { etag?: string; checksum?: StoredChecksum }): StoredObject;
  discard(): Promise<void>;
}

const DRAFT = ".draft";

/**
 * Buckets and their objects: an index in memory, the bodies in files of one folder. Each file holds the attributes
 * too, so that the index can be made again after a restart.
 */
export class ObjectStore {
  readonly #keptFolder: string | undefined;
  #folder: string | undefined;
  readonly #buckets = new Map<string, Map<string, StoredObject>>();
  /** The objects in order, until one changes. */
  readonly #sorted = new Map<string, StoredObject[]>();
  /** Objects of buckets that the template has not made yet. */
  readonly #found = new Map<string, Map<string, StoredObject>>();

  /** @param folder keeps the objects over restarts; absent: a temporary folder that `close` removes */
  constructor(folder: string | undefined) {
    this.#keptFolder = folder;
    if (folder && existsSync(folder)) this.#load(folder);
  }

  /** Makes a bucket; one that is there keeps its objects. */
  createBucket(name: string): void {
    if (this.#buckets.has(name)) return;
    this.#buckets.set(name, this.#found.get(name) ?? new Map());
  }

  /** Forgets a bucket, which holds no object any more. */
  deleteBucket(name: string): void {
    this.#buckets.delete(name);
    this.#found.delete(name);
    this.#sorted.delete(name);
  }

  buckets(): string[] {
    return [...this.#buckets.keys()].sort();
  }

  hasBucket(name: string): boolean {
    return this.#buckets.has(name);
  }

  find(bucket: string, key: string): StoredObject | undefined {
    return this.#buckets.get(bucket)?.get(key);
  }

  /** The objects of a bucket whose keys begin with `prefix`, in the order of the keys' UTF-8 bytes. */
  list(bucket: string, prefix: string): readonly StoredObject[] {
    const objects = this.#buckets.get(bucket);
    if (!objects) return [];
    const all = this.#sorted.get(bucket) ?? [...objects.values()].sort((a, b) => compareKeys(a.key, b.key));
    this.#sorted.set(bucket, all); // a listing of many pages sorts once
    return prefix === "" ? all : all.filter(({ key }) => key.startsWith(prefix));
  }

  /** Writes a body to the disk. Whatever the body throws is thrown on, and nothing is left behind. */
  async write(bucket: string, key: string, body: AsyncIterable<Buffer>): Promise<Draft> {
    const file = randomUUID();
    const path = join(this.#open(), file);
    const md5 = createHash("md5");
    let size = 0;
    const handle = await open(path + DRAFT, "w", 0o600);
    try {
      for await (const chunk of body) {
        md5.update(chunk);
        size += chunk.length;
        await handle.writeFile(chunk);
      }
    } catch (cause) {
      await handle.close();
      await rm(path + DRAFT, { force: true });
      throw cause;
    }
    await handle.close();
    const digest = md5.digest();
    return {
      size,
      md5: digest,
      publish: (attributes) => {
        const { etag = `"${digest.toString("hex")}"`, ...rest } = attributes;
        return this.#publish({ ...rest, etag, bucket, key, size, lastModified: Date.now(), file });
      },
      read: () => readFile(path + DRAFT, 0, size - 1),
      discard: () => rm(path + DRAFT, { force: true }),
    };
  }

  /**
   * The bytes of an object from `start` to `end`, both included. The file is open from now on, so that a later
   * overwriting or deletion does not matter, until the stream is at its end or destroyed.
   */
  read({ file, size }: StoredObject, start = 0, end = size - 1): Promise<Readable> {
    return readFile(join(this.#open(), file), start, end);
  }

  delete(bucket: string, key: string): boolean {
    const object = this.find(bucket, key);
    if (!object) return false;
    this.#buckets.get(bucket)?.delete(key);
    this.#sorted.delete(bucket);
    rmSync(join(this.#open(), object.file), { force: true });
    return true;
  }

  /** Removes a temporary folder. */
  close(): void {
    if (!this.#keptFolder && this.#folder) rmSync(this.#folder, { recursive: true, force: true });
    this.#folder = undefined;
  }

  #publish(object: StoredObject): StoredObject {
    const path = join(this.#open(), object.file);
    const older = this.find(object.bucket, object.key);
    trailerOf(object, path + DRAFT);
    renameSync(path + DRAFT, path);
    this.#buckets.get(object.bucket)?.set(object.key, object);
    this.#sorted.delete(object.bucket);
    if (older) rmSync(join(this.#open(), older.file), { force: true });
    return object;
  }

  #open(): string {
    if (!this.#folder) {
      this.#folder = this.#keptFolder ?? mkdtempSync(join(tmpdir(), "twin-s3-"));
      mkdirSync(this.#folder, { recursive: true });
    }
    return this.#folder;
  }

  #load(folder: string): void {
    for (const file of readdirSync(folder)) {
      if (file.endsWith(DRAFT)) {
        rmSync(join(folder, file));
        continue;
      }
      const object = readTrailer(join(folder, file)) as StoredObject;
      const bucket = this.#found.get(object.bucket) ?? new Map<string, StoredObject>();
      this.#found.set(object.bucket, bucket);
      const other = bucket.get(object.key);
      if (!other || other.lastModified <= object.lastModified) bucket.set(object.key, object);
    }
  }
}

async function readFile(path: string, start: number, end: number): Promise<Readable> {
  if (end < start) return Readable.from([]);
  const handle = await open(path, "r");
  return handle.createReadStream({ start, end });
}
