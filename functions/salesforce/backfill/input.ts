import { z } from "zod";
import { taskInputOf } from "#shared/handler/task.ts";

/** The object that is brought in; whatever else feeds a customer is read with it. */
export const entitySchema = z.literal("Account");

/** Input of a backfill task: whose backfill it is, and the task's own data. */
export function backfillInput<Data extends z.ZodType>(data: Data) {
  return taskInputOf("backfill", data);
}

/** A record of a page: which one, and when Salesforce last touched it. No personal data. */
export const pageRecordSchema = z.looseObject({ Id: z.string(), SystemModstamp: z.string() });

export type PageRecord = z.infer<typeof pageRecordSchema>;
