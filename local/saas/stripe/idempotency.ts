import { keyInUse, keyReused, keyTooLong } from "./errors.ts";
import type { StoredResult, StripeState } from "./state.ts";

/** Results are kept for a day at least. */
const KEEP_MS = 24 * 3600 * 1000;

/** A request that may be repeated. */
export interface Repeatable {
  readonly key: string;
  /** Method, path and parameters: a repetition must have the same. */
  readonly fingerprint: string;
  readonly requestId: string;
}

/** What a request came to. `isExecuted` is false when it was refused before any work began: that is not kept. */
export interface Outcome {
  readonly status: number;
  /** Of the first answer alone; they are not kept. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
  readonly isExecuted: boolean;
}

/**
 * The same key and parameters give the first result again, errors of the server included.
 * https://docs.stripe.com/api/idempotent_requests
 */
export class Idempotency {
  readonly #state: StripeState;
  readonly #now: () => number;
  readonly #inProgress = new Set<string>();

  constructor(state: StripeState, now: () => number) {
    this.#state = state;
    this.#now = now;
  }

  /**
   * @throws StripeError `idempotency_error` when the key came with other parameters before, or is in use right now
   * @returns the outcome, and the id of the first request when it was replayed
   */
  async run(request: Repeatable, work: () => Promise<Outcome>): Promise<Outcome & { replayOf?: string }> {
    const { key, fingerprint, requestId } = request;
    if (key.length > 255) throw keyTooLong();
    if (this.#inProgress.has(key)) throw keyInUse(key);
    const kept = this.#find(key);
    if (kept && kept.fingerprint !== fingerprint) throw keyReused(key);
    if (kept) return { status: kept.status, body: kept.body, isExecuted: true, replayOf: kept.requestId };
    this.#inProgress.add(key);
    try {
      const outcome = await work();
      const { status, body } = outcome;
      if (outcome.isExecuted) {
        this.#forgetExpired();
        this.#state.results[key] = { fingerprint, status, body, requestId, at: this.#now() };
      }
      return outcome;
    } finally {
      this.#inProgress.delete(key);
    }
  }

  /** Results are in the order they were kept, so the expired ones come first. */
  #forgetExpired(): void {
    const { results } = this.#state;
    for (const [key, { at }] of Object.entries(results)) {
      if (this.#now() - at <= KEEP_MS) return;
      delete results[key];
    }
  }

  #find(key: string): StoredResult | undefined {
    const kept = Object.hasOwn(this.#state.results, key) ? this.#state.results[key] : undefined;
    if (kept && this.#now() - kept.at > KEEP_MS) {
      delete this.#state.results[key];
      return undefined;
    }
    return kept;
  }
}
