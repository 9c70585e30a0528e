import type { Waits } from "#shared/waits.ts";
import { PATIENCE_MS } from "./catch-up/client.ts";
import { MAX_SECONDS } from "./catch-up/run.ts";
import { PAGE_TIMEOUT_MS } from "./client/bulk.ts";
import { CALL_TIMEOUT_MS } from "./client/http.ts";
import { WRITE_TIMEOUT_MS } from "./client/records.ts";
import { BUDGET_MS } from "./sweep/sweep-object.ts";
import { START_WITHIN_MS } from "./write-back/write-outcomes.ts";

const call = (times: number) => [times, CALL_TIMEOUT_MS] as const;
/** A login, or a call that finds the session dead and then a login. */
const OPEN = { session: call(2) };
/** Background work asks how many calls are left. */
const GUARDED = { ...OPEN, limits: call(1) };

/** What the functions of this connector wait for, by their names in the template. */
export const WAITS: Readonly<Record<string, Waits>> = {
  "salesforce-capture": {
    // Five hundred changes; organisations are worked side by side.
    calls: {
      ...OPEN,
      contacts: call(1),
      binnedContacts: call(1),
      accounts: call(1),
      related: call(1),
      deleted: call(1),
    },
    awsCalls: 70,
  },
  "salesforce-catch-up": {
    // A session that is refused when the time is nearly up is renewed, and the channel followed with the new one.
    calls: {
      reading: [1, MAX_SECONDS * 1000],
      schema: [1, PATIENCE_MS],
      renewal: call(1),
      connection: [1, PATIENCE_MS],
    },
    awsCalls: 30,
  },
  "salesforce-sweep": {
    // The last page begins when the time is nearly up; looking for what the store alone has is the longest.
    calls: { pages: [1, BUDGET_MS], ...GUARDED, present: call(1), deleted: call(4), log: call(11) },
    awsCalls: 150,
  },
  "salesforce-write-back": {
    calls: { earlier: [1, START_WITHIN_MS], ...GUARDED, read: call(1), update: [1, WRITE_TIMEOUT_MS] },
    awsCalls: 60,
  },
  "salesforce-plan-backfill": { calls: { ...GUARDED, count: call(1) }, awsCalls: 1 },
  "salesforce-start-backfill-query": { calls: { ...GUARDED, create: call(1) }, awsCalls: 1 },
  "salesforce-check-backfill-query": { calls: { ...GUARDED, read: call(1) }, awsCalls: 1 },
  "salesforce-store-backfill-page": { calls: { ...GUARDED, page: [1, PAGE_TIMEOUT_MS] }, awsCalls: 2 },
  "salesforce-load-backfill-batch": { calls: { ...GUARDED, accounts: call(1), related: call(1) }, awsCalls: 150 },
  "salesforce-park-backfill-batch": { calls: {}, awsCalls: 5 },
};
