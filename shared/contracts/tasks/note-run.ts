import { z } from "zod";
import { customerSyncFailed } from "../events.ts";
import { caughtSchema, defineTask } from "../task.ts";

/** A run of customer-sync that could not go on: its whole input, and what its state caught. */
export const noteRun = defineTask({
  name: "customers-note-failure",
  input: z.looseObject({
    input: z.unknown(),
    failure: z.looseObject({ state: z.string(), error: caughtSchema }),
    executionArn: z.string(),
  }),
  /** `detail` of the `customer.sync-failed` to be said; absent while the customer is tried again by itself. */
  output: z.union([
    z.object({ outcome: z.literal("behind") }),
    z.object({ outcome: z.literal("parked"), parkedId: z.string(), detail: customerSyncFailed.detail }),
  ]),
});
