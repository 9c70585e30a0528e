import type { Waits } from "#shared/waits.ts";
import { GATE_WAIT_MS, SENDINGS, WRITE_TIMEOUT_MS } from "./client.ts";
import { LAST_CALL_MS } from "./records.ts";

/** Within this time a search for duplicates begins pages. */
export const SEARCH_MS = 60_000;

/** What the functions of this connector wait for, by their names in the template. */
export const WAITS: Readonly<Record<string, Waits>> = {
  "billing-upsert-customer": {
    calls: { begun: [1, LAST_CALL_MS], budget: [1, GATE_WAIT_MS], last: [SENDINGS, WRITE_TIMEOUT_MS] },
    awsCalls: 10,
  },
  "billing-duplicates": {
    calls: { pages: [1, SEARCH_MS], budget: [1, GATE_WAIT_MS], last: [SENDINGS, WRITE_TIMEOUT_MS] },
    awsCalls: 10,
  },
};
