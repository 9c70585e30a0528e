import { z } from "zod";
import { defineTask } from "../task.ts";
import { backfillInput, entitySchema } from "./backfill.ts";

export const planBackfill = defineTask({
  name: "salesforce-plan-backfill",
  input: backfillInput(z.looseObject({ entity: entitySchema, batchSize: z.int().positive() })),
  output: z.object({
    records: z.number(),
    salesforce: z.object({ apiCalls: z.number(), callsLeft: z.number(), reserve: z.number() }),
    usd: z.number(),
    billedPerSecond: z.number(),
    billingMinutes: z.number(),
  }),
});
