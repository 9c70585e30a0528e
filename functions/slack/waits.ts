import type { Waits } from "#shared/waits.ts";
import { TIMEOUT_MS } from "./client.ts";
import { POSTING_MS } from "./tell.ts";

/** What the functions of this connector wait for, by their names in the template. */
export const WAITS: Readonly<Record<string, Waits>> = {
  // The last message once more, when the token was rotated meanwhile.
  "slack-notify": { calls: { posting: [1, POSTING_MS], last: [2, TIMEOUT_MS] }, awsCalls: 3 },
};
