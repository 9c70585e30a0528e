import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

/** Keeps an emulator's state in one JSON file; without a path it keeps nothing. */
export interface StateFile {
  /** The state of the last run, or undefined. @throws Error that names the file when it cannot be read */
  load(): Promise<unknown>;
  /** Resolves once everything changed until now is written; calls that come together share one write. */
  flush(): Promise<void>;
}

/**
 * `read` gives the state to write, at the moment of writing. The file survives the end of the process at any moment, as
 * it is replaced whole; it is not forced to the disk, so it may not survive the end of the machine.
 */
export function createStateFile(path: string | undefined, read: () => unknown): StateFile {
  if (path === undefined) return { load: async () => undefined, flush: async () => undefined };
  let running: Promise<void> = Promise.resolve();
  let next: Promise<void> | undefined;
  const writeOnce = async () => {
    next = undefined;
    const text = JSON.stringify(read());
    await mkdir(dirname(path), { recursive: true });
    await writeFile(`${path}.new`, text, { mode: 0o600 });
    await rename(`${path}.new`, path);
  };
  return {
    load: () => load(path),
    flush() {
      if (!next) {
        const write = running.then(writeOnce);
        next = write;
        // A failed write must not stop later ones; its own callers see the failure.
        running = write.catch(() => undefined);
      }
      return next;
    },
  };
}

async function load(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new Error(`The saved state in ${path} is not JSON: start with --reset, or delete the file.`, { cause });
  }
}
