import { z } from "zod";
import { taskInputOf } from "../task.ts";

const count = z.int().nonnegative();

/** The object that is brought in; whatever else feeds a customer is read with it. */
export const entitySchema = z.literal("Account");

/** A record of a page: which one, and when Salesforce last touched it. No personal data. */
export const pageRecordSchema = z.looseObject({ Id: z.string(), SystemModstamp: z.string() });

export type PageRecord = z.infer<typeof pageRecordSchema>;

/** Input of a backfill task: whose backfill it is, and the task's own data. */
export const backfillInput = <Data extends z.ZodType>(data: Data) => taskInputOf("backfill", data);

/** Answer about a query job that has no result and will have none. */
export const goneSchema = z.object({ state: z.literal("gone"), reason: z.string() });

/** What became of a batch's records. */
export const loadedSchema = z.object({ compared: count, sent: count, equal: count, behind: count, unusable: count });
