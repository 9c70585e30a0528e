import type { Waits } from "#shared/waits.ts";
import { TIMEOUT_MS } from "./client.ts";

/** What the functions of this connector wait for, by their names in the template. */
export const WAITS: Readonly<Record<string, Waits>> = {
  "billing-upsert-customer": {
    calls: { find: [1, TIMEOUT_MS], create: [1, TIMEOUT_MS], update: [1, TIMEOUT_MS] },
    awsCalls: 10,
  },
};
