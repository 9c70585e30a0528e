import type { Waits } from "#shared/waits.ts";
import { TIMEOUT_MS } from "./client.ts";

/** What the functions of this connector wait for, by their names in the template. */
export const WAITS: Readonly<Record<string, Waits>> = {
  // Once more when the token was rotated meanwhile.
  "slack-notify": { calls: { post: [2, TIMEOUT_MS] }, awsCalls: 3 },
};
