import { createReadStream } from "node:fs";
import { type FileHandle, mkdir, open, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import { Store } from "./store.ts";

/** Keeps a store in a file. */
export interface Journal {
  readonly store: Store;
  /** Resolves once all entries until now are in the file. */
  flush(): Promise<void>;
  /** Follows another store from now on; the file is written anew. */
  replace(store: Store): Promise<void>;
  close(): Promise<void>;
}

/** The file is written anew when it has grown by this much beyond twice what it needed. */
const SLACK_BYTES = 32 * 1024 * 1024;

/**
 * Opens the journal of a store: one JSON entry a line, only ever appended to, so that a commit costs what it changed and
 * not what the org holds. A last line that the end of the process cut off is left out. Without a path nothing is kept.
 * @throws Error that names the file and the line when another line cannot be read
 */
export async function openJournal(path: string | undefined, slackBytes = SLACK_BYTES): Promise<Journal> {
  if (path === undefined) return memoryOnly();
  const store = new Store();
  await load(path, store);
  const writer = new JournalFile(path, store, slackBytes);
  await writer.rewrite();
  return writer;
}

class JournalFile implements Journal {
  store: Store;
  readonly #path: string;
  readonly #slackBytes: number;
  #file: FileHandle | undefined;
  #pending: string[] = [];
  #bytes = 0;
  #rewriteAt = 0;
  #running: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;
  #unsubscribe: () => void;

  constructor(path: string, store: Store, slackBytes: number) {
    this.#path = path;
    this.#slackBytes = slackBytes;
    this.store = store;
    this.#unsubscribe = this.#follow(store);
  }

  flush(): Promise<void> {
    if (this.#pending.length === 0) return this.#next ?? this.#running;
    this.#next ??= this.#enqueue(() => this.#write());
    return this.#next;
  }

  replace(store: Store): Promise<void> {
    this.#unsubscribe();
    this.store = store;
    this.#pending = [];
    this.#unsubscribe = this.#follow(store);
    return this.rewrite();
  }

  async close(): Promise<void> {
    await this.flush();
    this.#unsubscribe();
    await this.#file?.close();
    this.#file = undefined;
  }

  /** Replaces the file by the shortest one that leads to the same store. */
  rewrite(): Promise<void> {
    return this.#enqueue(() => this.#rewriteNow());
  }

  #follow(store: Store): () => void {
    return store.onEntry((entry) => void this.#pending.push(`${JSON.stringify(entry)}\n`));
  }

  /** Runs file work one after another; one that failed does not stop the next. */
  #enqueue(work: () => Promise<void>): Promise<void> {
    const done = this.#running.then(work);
    this.#running = done.catch(() => undefined);
    return done;
  }

  async #write(): Promise<void> {
    this.#next = undefined;
    const text = this.#pending.join("");
    this.#pending = [];
    await this.#file?.appendFile(text);
    this.#bytes += text.length;
    if (this.#bytes > this.#rewriteAt) await this.#rewriteNow();
  }

  async #rewriteNow(): Promise<void> {
    await mkdir(dirname(this.#path), { recursive: true });
    const fresh = await open(`${this.#path}.new`, "w", 0o600);
    let bytes = 0;
    // What is pending now is part of these entries.
    this.#pending = [];
    for (const entry of [...this.store.entries()]) {
      const text = `${JSON.stringify(entry)}\n`;
      await fresh.appendFile(text);
      bytes += text.length;
    }
    await this.#file?.close();
    await rename(`${this.#path}.new`, this.#path);
    this.#file = fresh;
    this.#bytes = bytes;
    this.#rewriteAt = 2 * bytes + this.#slackBytes;
  }
}

async function load(path: string, store: Store): Promise<void> {
  let torn: { line: number; cause: unknown } | undefined;
  let line = 0;
  const input = createReadStream(path);
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  try {
    for await (const text of lines) {
      line += 1;
      if (torn)
        throw new Error(
          `Line ${torn.line} of the saved state in ${path} is not JSON: start with --reset, or delete the file.`,
          {
            cause: torn.cause,
          },
        );
      try {
        store.load(JSON.parse(text));
      } catch (cause) {
        torn = { line, cause };
      }
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  } finally {
    input.destroy(); // the end of the lines leaves it open
  }
}

function memoryOnly(): Journal {
  const journal = {
    store: new Store(),
    flush: async () => undefined,
    async replace(store: Store) {
      journal.store = store;
    },
    close: async () => undefined,
  };
  return journal;
}
