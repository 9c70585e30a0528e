import { z } from "zod";
import { defineTask } from "../task.ts";
import { changeInput } from "./change.ts";

export const storeCustomer = defineTask({
  name: "customers-upsert",
  input: changeInput,
  output: z.object({
    outcome: z.enum(["created", "updated", "unchanged", "superseded"]),
    version: z.string(),
    customerId: z.string(),
  }),
});
