import { filePersistence } from "emulate";

/** Keeps an emulator's state in one JSON file; without a path it keeps nothing. */
export interface StateFile {
  /** The state of the last run, or undefined. @throws Error that names the file when it cannot be read */
  load(): Promise<unknown>;
  /** Resolves once everything changed until now is on disk; calls that come together share one write. */
  flush(): Promise<void>;
}

/** `read` gives the state to write, at the moment of writing. */
export function createStateFile(path: string | undefined, read: () => unknown): StateFile {
  if (path === undefined) return { load: async () => undefined, flush: async () => undefined };
  const file = filePersistence(path);
  let running: Promise<void> = Promise.resolve();
  let next: Promise<void> | undefined;
  const writeOnce = async () => {
    next = undefined;
    await file.save(JSON.stringify(read()));
  };
  return {
    async load() {
      const text = await file.load();
      if (text === null) return undefined;
      try {
        return JSON.parse(text) as unknown;
      } catch (cause) {
        throw new Error(`The saved state in ${path} is not JSON: delete the file to start anew.`, { cause });
      }
    },
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
