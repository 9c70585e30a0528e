import { z } from "zod";
import { caughtSchema, defineTask } from "../task.ts";
import { backfillInput, entitySchema, loadedSchema } from "./backfill.ts";

/** A batch that could not be loaded, and what its state caught. No personal data. */
export const keepBatch = defineTask({
  name: "salesforce-park-backfill-batch",
  input: backfillInput(
    z.looseObject({
      entity: entitySchema,
      recordIds: z.array(z.string()).min(1),
      failure: caughtSchema,
      /** Run of the map's child that met it. */
      executionArn: z.string(),
    }),
  ),
  output: loadedSchema.extend({ parked: z.int().nonnegative() }),
});
