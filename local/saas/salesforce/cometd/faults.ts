import { z } from "zod";

/** Input of the `cometd/faults` control. */
export const cometdFault = z.strictObject({
  /** `busy` denies handshakes, `unauthorized` ends connects as a dead session does, `duplicate` sends events twice. */
  kind: z.enum(["busy", "unauthorized", "duplicate"]),
  /** How many messages it hits. */
  times: z.int().positive().default(1),
});
export type CometdFault = z.output<typeof cometdFault>;

/** Faults that wait for a message of their kind. */
export class CometdFaults {
  readonly #left = new Map<CometdFault["kind"], number>();

  add({ kind, times }: CometdFault): void {
    this.#left.set(kind, (this.#left.get(kind) ?? 0) + times);
  }

  /** Whether this message is hit; counts it. */
  draw(kind: CometdFault["kind"]): boolean {
    const left = this.#left.get(kind) ?? 0;
    this.#left.set(kind, Math.max(0, left - 1));
    return left > 0;
  }
}
