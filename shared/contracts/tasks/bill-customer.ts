import { z } from "zod";
import { defineTask } from "../task.ts";
import { changeInput } from "./change.ts";

export const billCustomer = defineTask({
  name: "billing-upsert-customer",
  input: changeInput,
  output: z.union([
    z.object({
      outcome: z.enum(["created", "updated", "unchanged", "archived", "none"]),
      stripeCustomerId: z.string().nullable(),
      version: z.string(),
      adjusted: z.array(z.string()).readonly().optional(),
    }),
    z.object({ outcome: z.enum(["behind", "waiting"]) }),
  ]),
});
