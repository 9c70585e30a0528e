import { status } from "@grpc/grpc-js";
import { z } from "zod";

/** Names of the gRPC status codes, such as `UNAVAILABLE`. */
const CODES = Object.keys(status).filter((name) => Number.isNaN(Number(name))) as [keyof typeof status];

/** Input of the `pubsub-faults` control: what the next stream runs into. */
export const pubSubFault = z.strictObject({
  /** `fail` ends the stream with a code, `cut` ends its connection, `duplicate` sends each event twice. */
  kind: z.enum(["fail", "unavailable", "cut", "duplicate"]),
  /** Events that come through before. */
  afterEvents: z.int().nonnegative().default(0),
  /** For `fail`: the gRPC status. */
  code: z.enum(CODES).default("UNAVAILABLE"),
  /** For `fail`: the trailer, without `sfdc.platform.eventbus.grpc.` */
  errorCode: z.string().default("subscription.internal.error"),
  /** How many streams it hits. */
  times: z.int().positive().default(1),
});
export type PubSubFault = z.output<typeof pubSubFault>;

/** Faults that wait for a stream; each new stream takes the first. */
export class PubSubFaults {
  #armed: { fault: PubSubFault; left: number }[] = [];

  add(fault: PubSubFault): void {
    this.#armed.push({ fault, left: fault.times });
  }

  list(): readonly PubSubFault[] {
    return this.#armed.map(({ fault, left }) => ({ ...fault, times: left }));
  }

  clear(): void {
    this.#armed = [];
  }

  take(): PubSubFault | undefined {
    const [first] = this.#armed;
    if (!first) return undefined;
    first.left -= 1;
    if (first.left === 0) this.#armed.shift();
    return first.fault;
  }
}
