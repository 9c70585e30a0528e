import { z } from "zod";
import type { ParkedSummary } from "./work.ts";

/** A system that customers are brought to, from the store on. */
export type Target = "billing" | "salesforce";

const linkSchema = z
  .looseObject({ version: z.string().optional().catch(undefined) })
  .optional()
  .catch(undefined);

/** What this module looks at in a customer's record. */
export const customerStateSchema = z.looseObject({
  version: z.string(),
  deleted: z.boolean().catch(false),
  links: z.looseObject({ stripe: linkSchema, salesforce: linkSchema }),
  behind: z.unknown(),
});

export type CustomerState = z.infer<typeof customerStateSchema>;

/** The target that a piece of work would bring its customer to; undefined for other work, such as a notice to people. */
export function targetOf({ kind, hop }: Pick<ParkedSummary, "kind" | "hop">): Target | undefined {
  if (kind === "comparison") return "billing";
  if (/write-?back$/i.test(hop)) return "salesforce";
  if (kind === "customer-sync" || /customer-sync(-bulk)?$/.test(hop)) return "billing";
  return undefined;
}

/** Whether the store holds what a piece of work was about, so that its message or input has nothing to add. */
export function reachedStore({ version, hop }: Pick<ParkedSummary, "version" | "hop">, state: CustomerState): boolean {
  if (version !== undefined) return state.version >= version;
  return !/(UpsertCustomer|customer-sync(-bulk)?)$/.test(hop);
}

/** The version that a target has of a customer. What was deleted before it had a link has nothing to be brought there. */
export function reachedVersion({ version, deleted, links }: CustomerState, target: Target): string | undefined {
  if (deleted && !links.stripe) return version;
  return target === "billing" ? links.stripe?.version : links.salesforce?.version;
}

/** Whether a target has what the store holds. */
export function isInStep(state: CustomerState, target: Target): boolean {
  const reached = reachedVersion(state, target);
  return reached !== undefined && reached >= state.version;
}

/** Whether a version was read from Salesforce after a moment; it ends in when it was, epoch milliseconds. */
export function wasReadAfter(version: string, moment: string): boolean {
  return Number(version.split("/")[2] ?? Number.NaN) > Date.parse(moment);
}
