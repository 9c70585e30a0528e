import { existsSync } from "node:fs";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Kernel } from "./kernel/kernel.ts";

const FLUSH_MS = 1000;
/** Writing takes at most one part in this many of the time, however large the state. */
const IDLE_FACTOR = 20;

/** The state of the services on disk. */
export interface Snapshots {
  /** Writes whatever changed and ends the regular writing. */
  close(): Promise<void>;
}

/**
 * Gives every service its state back from `<folder>/<service>.json`, then writes changed state down about every second.
 * @throws Error naming the file when a snapshot cannot be read
 */
export async function openSnapshots(kernel: Kernel, folder: string): Promise<Snapshots> {
  await mkdir(folder, { recursive: true });
  const written = new Map<string, string>();
  for (const service of kernel.services()) {
    const path = fileOf(folder, service.name);
    if (!service.restore || !existsSync(path)) continue;
    const text = await readFile(path, "utf8");
    await service.restore(parse(text, path));
    written.set(service.name, text);
  }

  const flush = async () => {
    for (const service of kernel.services()) {
      if (!service.snapshot) continue;
      const text = JSON.stringify(service.snapshot()) ?? "null";
      if (written.get(service.name) === text) continue;
      await writeAtomically(fileOf(folder, service.name), text);
      written.set(service.name, text);
    }
  };
  let ended = false;
  let running = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  const plan = (ms: number) => {
    if (!ended) timer = setTimeout(() => void regularly(), ms).unref();
  };
  const regularly = async () => {
    const started = Date.now();
    running = flush().catch((cause) => process.emitWarning(`The twin's state was not written: ${cause}`));
    await running;
    plan(Math.max(FLUSH_MS, (Date.now() - started) * IDLE_FACTOR));
  };
  plan(FLUSH_MS);
  return {
    close: async () => {
      ended = true;
      clearTimeout(timer);
      await running;
      await flush();
    },
  };
}

function fileOf(folder: string, service: string): string {
  return join(folder, `${service}.json`);
}

/** A reader never sees half a file, and secrets stay the owner's. */
async function writeAtomically(path: string, text: string): Promise<void> {
  const draft = `${path}.new`;
  await writeFile(draft, text, { mode: 0o600 });
  await rename(draft, path);
}

function parse(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Error(`The state in ${path} is damaged; delete it, or start with --reset.`, { cause });
  }
}
