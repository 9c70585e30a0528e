import { z } from "zod";
import { defineTask } from "../task.ts";
import { backfillInput, entitySchema } from "./backfill.ts";

export const startQuery = defineTask({
  name: "salesforce-start-backfill-query",
  input: backfillInput(z.looseObject({ entity: entitySchema })),
  output: z.object({ jobId: z.string() }),
});
