import { z } from "zod";
import { markSchema, TARGETS } from "./behind/marks.ts";
import { billingRequestsSchema } from "./billing-requests.ts";
import { customerSchema, salesforceIdSchema, versionSchema } from "./contracts/customer.ts";

/** A customer's counterpart in Stripe. */
export const billingLinkSchema = z.looseObject({
  /** `cus_…`; replaced by another id only when that customer was deleted in Stripe. */
  id: z.string(),
  /** Newest version that Stripe was made equal to; absent while the Stripe customer is created but still empty. */
  version: versionSchema.optional(),
  /** Hash of what was written to Stripe for that version. */
  contentHash: z.string().optional(),
  /** Fields whose value did not fit, and what the account tells of them; absent when all fitted. */
  adjusted: z.array(z.string()).optional(),
});

/** One item of the customers table, keyed by `customerId`. */
export const customerRecordSchema = z.looseObject({
  customerId: salesforceIdSchema,
  orgId: z.string(),
  /** Version of the snapshot, or of the deletion, that the item holds. Grows, never shrinks. */
  version: versionSchema,
  /** Absent once it is deleted. */
  customer: customerSchema.optional(),
  /** Hash of `customer`; what decides whether a newer version is a real change. */
  contentHash: z.string().optional(),
  /** Tombstone, without content: the account is deleted in Salesforce. Taken back by a newer snapshot. */
  deleted: z.boolean(),
  /** When it was deleted, ISO 8601 in UTC. */
  deletedAt: z.iso.datetime().optional(),
  /** Ids in other systems. A save never touches them. */
  links: z.looseObject({ stripe: billingLinkSchema.optional() }),
  /** When a Stripe customer was first asked for; none of the account is older. */
  billingAskedAt: z.iso.datetime().optional(),
  /** What is known of the requests to Stripe. */
  billingRequests: billingRequestsSchema.optional(),
  /** The change that wrote the item last: its correlation id, who made it and when. */
  correlationId: z.string(),
  actor: z.string(),
  occurredAt: z.iso.datetime(),
  /** More of that change, for those who bring it further later. */
  cause: z
    .looseObject({
      eventId: z.string().optional(),
      traceHeader: z.string().optional(),
      lane: z.literal("bulk").optional(),
    })
    .optional(),
  /** Newest version of which the account in Salesforce was told. */
  writtenBack: versionSchema.optional(),
  /** Set while a target may be behind: the first one, as `billing#07`, and when it is looked at. The index `behind`. */
  behindKey: z.string().optional(),
  nextTryAt: z.iso.datetime().optional(),
  billingBehind: markSchema.optional(),
  salesforceBehind: markSchema.optional(),
  /** Set while parked work keeps a target behind this version. */
  parked: z
    .looseObject({ target: z.enum(TARGETS), parkedId: z.string(), state: z.string(), version: z.string() })
    .optional(),
});

export type BillingLink = z.infer<typeof billingLinkSchema>;
export type CustomerRecord = z.infer<typeof customerRecordSchema>;
