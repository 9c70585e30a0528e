import type { Waits } from "#shared/waits.ts";
import { RUN_TIMEOUT_MS } from "./client.ts";

/** What the functions of this connector wait for, by their names in the template. */
export const WAITS: Readonly<Record<string, Waits>> = {
  "flows-dispatch": { calls: { run: [1, RUN_TIMEOUT_MS] }, awsCalls: 3 },
  "flows-dispatch-bulk": { calls: { run: [1, RUN_TIMEOUT_MS] }, awsCalls: 3 },
  "flows-reconcile": { calls: {}, awsCalls: 300 },
  "flows-park": { calls: {}, awsCalls: 30 },
};
