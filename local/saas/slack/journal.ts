import { z } from "zod";

/** Methods that change what a reader sees; all others may be forgotten over a restart. */
const KEPT = new Set([
  "chat.postMessage",
  "chat.update",
  "chat.delete",
  "reactions.add",
  "reactions.remove",
  "conversations.create",
  "conversations.join",
]);
/** The oldest messages are forgotten beyond this. */
const MAX_ENTRIES = 1000;
const TIMESTAMP = /\b\d{10}\.\d{6}\b/g;

/** One call that changed something, as it came, and the timestamp that the client was given. */
export interface JournalEntry {
  readonly method: string;
  readonly contentType: string;
  readonly authorization: string;
  readonly body: string;
  readonly ts: string | null;
}

const answerSchema = z.object({ ok: z.boolean(), ts: z.string().optional() });

/** Makes a call on the emulator and gives back the text of its answer. */
export type Replay = (entry: JournalEntry) => Promise<string>;

/**
 * What was posted, to be posted again after a restart, as `emulate` keeps Slack's state in memory only. A message posted
 * again gets a new timestamp, which is its id; the journal goes on showing the old one to clients.
 */
export class Journal {
  readonly entries: JournalEntry[];
  readonly #shown = new Map<string, string>();
  readonly #current = new Map<string, string>();

  constructor(entries: readonly JournalEntry[] = []) {
    this.entries = [...entries];
  }

  /** Does everything again, in order. */
  async replay(run: Replay): Promise<void> {
    for (const entry of this.entries) {
      const answer = parse(await run({ ...entry, body: this.toCurrent(entry.body) }));
      if (!entry.ts || !answer?.ts) continue;
      this.#shown.set(answer.ts, entry.ts);
      this.#current.set(entry.ts, answer.ts);
    }
  }

  /** Keeps a call that succeeded. @returns true when there is something new to write */
  record(entry: Omit<JournalEntry, "ts">, answerText: string): boolean {
    const answer = parse(answerText);
    if (!KEPT.has(entry.method) || !answer?.ok) return false;
    const isNew = entry.method === "chat.postMessage";
    this.entries.push({ ...entry, ts: isNew ? (answer.ts ?? null) : null });
    if (this.entries.length > MAX_ENTRIES) this.entries.shift();
    return true;
  }

  /** Puts the timestamps that clients know in place of those of this run. */
  toShown(text: string): string {
    return text.replace(TIMESTAMP, (ts) => this.#shown.get(ts) ?? ts);
  }

  /** The reverse, for what clients send. */
  toCurrent(text: string): string {
    return text.replace(TIMESTAMP, (ts) => this.#current.get(ts) ?? ts);
  }

  clear(): void {
    this.entries.length = 0;
    this.#shown.clear();
    this.#current.clear();
  }
}

function parse(text: string): z.output<typeof answerSchema> | undefined {
  try {
    return answerSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
