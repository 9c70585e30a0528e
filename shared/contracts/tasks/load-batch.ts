import { z } from "zod";
import { defineTask } from "../task.ts";
import { backfillInput, loadedSchema, pageRecordSchema } from "./backfill.ts";

export const loadBatch = defineTask({
  name: "salesforce-load-backfill-batch",
  input: backfillInput(z.looseObject({ records: z.array(pageRecordSchema).min(1) })),
  output: loadedSchema,
});
