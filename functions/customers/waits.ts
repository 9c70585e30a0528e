import type { Waits } from "#shared/waits.ts";

/** What the functions of this connector wait for, by their names in the template. */
export const WAITS: Readonly<Record<string, Waits>> = {
  "customers-upsert": { calls: {}, awsCalls: 3 },
  "customers-note-failure": { calls: {}, awsCalls: 6 },
};
