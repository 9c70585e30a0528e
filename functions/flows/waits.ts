import { SETTLING_MS } from "#shared/parked/settle.ts";
import type { Waits } from "#shared/waits.ts";
import { RUN_TIMEOUT_MS } from "./client.ts";
import { TAKING_MS } from "./reconcile/run.ts";

/** What the functions of this connector wait for, by their names in the template. */
export const WAITS: Readonly<Record<string, Waits>> = {
  "flows-dispatch": { calls: { run: [1, RUN_TIMEOUT_MS] }, awsCalls: 3 },
  "flows-dispatch-bulk": { calls: { run: [1, RUN_TIMEOUT_MS] }, awsCalls: 3 },
  "flows-reconcile": {
    // Then the last hundred taken, what is read to choose them and to measure, and what people are told.
    calls: { taking: [1, TAKING_MS], settling: [1, SETTLING_MS] },
    awsCalls: 300,
  },
  "flows-park": { calls: {}, awsCalls: 30 },
};
