import { z } from "zod";
import { defineTask } from "../task.ts";
import { backfillInput, goneSchema } from "./backfill.ts";

export const checkQuery = defineTask({
  name: "salesforce-check-backfill-query",
  input: backfillInput(z.looseObject({ jobId: z.string() })),
  output: z.union([z.object({ state: z.enum(["running", "done"]) }), goneSchema]),
});
