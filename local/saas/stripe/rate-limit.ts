/** Counts the requests of the last second by endpoint. https://docs.stripe.com/rate-limits */
export class RateLimit {
  readonly #now: () => number;
  readonly #recent = new Map<string, number[]>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** True when this request is within `perSecond`; one that is not does not count. */
  admit(endpoint: string, perSecond: number): boolean {
    const now = this.#now();
    const recent = (this.#recent.get(endpoint) ?? []).filter((at) => now - at < 1000);
    this.#recent.set(endpoint, recent);
    if (recent.length >= perSecond) return false;
    recent.push(now);
    return true;
  }
}
