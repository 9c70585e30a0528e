import { z } from "zod";
import { customerSchema, salesforceIdSchema, versionSchema } from "./contracts/customer.ts";

/** A customer's counterpart in Stripe. */
export const billingLinkSchema = z.looseObject({
  /** `cus_…`; never replaced by another id. */
  id: z.string(),
  /** Newest version that Stripe was made equal to; absent while the Stripe customer is created but still empty. */
  version: versionSchema.optional(),
  /** Hash of what was written to Stripe for that version. */
  contentHash: z.string().optional(),
});

/** One item of the customers table, keyed by `customerId`. */
export const customerRecordSchema = z.looseObject({
  customerId: salesforceIdSchema,
  orgId: z.string(),
  /** Version of the snapshot, or of the deletion, that the item holds. Grows, never shrinks. */
  version: versionSchema,
  /** The customer as it was last seen alive; absent when only the deletion is known. */
  customer: customerSchema.optional(),
  /** Hash of `customer`; what decides whether a newer version is a real change. */
  contentHash: z.string().optional(),
  /** Tombstone: the account is deleted in Salesforce. Taken back by a newer snapshot. */
  deleted: z.boolean(),
  /** When it was deleted, ISO 8601 in UTC. */
  deletedAt: z.iso.datetime().optional(),
  /** Ids in other systems. A save never touches them. */
  links: z.looseObject({ stripe: billingLinkSchema.optional() }),
  /** When a Stripe customer was first asked for; Stripe forgets idempotency keys a day later. */
  billingAskedAt: z.iso.datetime().optional(),
  /** The change that wrote the item last: its correlation id, who made it and when. */
  correlationId: z.string(),
  actor: z.string(),
  occurredAt: z.iso.datetime(),
});

export type BillingLink = z.infer<typeof billingLinkSchema>;
export type CustomerRecord = z.infer<typeof customerRecordSchema>;
