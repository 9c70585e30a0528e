import { z } from "zod";
import { defineTask } from "../task.ts";
import { backfillInput, goneSchema } from "./backfill.ts";

export const storePage = defineTask({
  name: "salesforce-store-backfill-page",
  input: backfillInput(
    z.looseObject({
      jobId: z.string(),
      locator: z.string().nullable(),
      pageSize: z.int().positive(),
      key: z.string().min(1),
    }),
  ),
  output: z.union([
    z.object({ state: z.literal("stored"), records: z.number(), locator: z.string().nullable() }),
    goneSchema,
  ]),
});
