import { z } from "zod";

/** A request to Stripe whose outcome is not settled. */
const pendingSchema = z.looseObject({
  kind: z.enum(["create", "update"]),
  /** When it was sent last, ISO 8601 in UTC. */
  at: z.iso.datetime(),
  /** Of an update: what it writes. */
  contentHash: z.string().optional(),
  /** It was sent before and that was not settled, so an answer to one sending says nothing of the other. */
  isRepeated: z.boolean().optional(),
  /** It was answered, so nothing of it is under way any more; what it did is unknown, or somebody wrote beside it. */
  isEnded: z.boolean().optional(),
});

/**
 * What is known of the requests to Stripe about one customer. All runs share it, so that they walk the same series of
 * idempotency keys.
 */
export const billingRequestsSchema = z.looseObject({
  /** Counts the writes of this member: a write is refused when another one came first. */
  revision: z.int().nonnegative(),
  create: z.looseObject({
    /** Which key of the series creates. */
    generation: z.int().nonnegative(),
    /** When that key was first used. */
    since: z.iso.datetime().optional(),
    /** Stripe repeats a failure under that key, so it is asked no more. */
    isSpent: z.boolean().optional(),
  }),
  /** Which keys of the series update. */
  update: z.looseObject({ generation: z.int().nonnegative() }),
  /** By idempotency key. */
  pending: z.record(z.string(), pendingSchema),
  /** An update so long ago that it is not listed any more was never settled: Stripe may hold something else. */
  isDirty: z.boolean().optional(),
  /** Id that was deleted in Stripe; a link to it counts as none. */
  deadId: z.string().optional(),
});

export type BillingRequests = z.infer<typeof billingRequestsSchema>;
export type PendingRequest = z.infer<typeof pendingSchema>;

/** Beside noting requests. */
export interface NoteOptions {
  /** A customer is asked for at this moment; only the first one is kept. */
  readonly askedAt?: Date;
  /** The record must still be of this version. */
  readonly version?: string;
}

/** Beside linking: what the link replaces, and which requests it settles. */
export interface LinkOptions {
  /** Id whose Stripe customer was deleted; only a link to exactly that one is replaced. */
  readonly replaces?: string | undefined;
  /** Idempotency keys of requests that are settled. `noteBilling` must have noted them. */
  readonly settles?: readonly string[];
}

/** Update expression of `noteBilling`. */
export function noteWrite(requests: BillingRequests, { askedAt, version }: NoteOptions) {
  const { revision } = requests;
  const known = revision
    ? "billingRequests.revision = :revision"
    : "attribute_exists(customerId) AND attribute_not_exists(billingRequests)";
  return {
    UpdateExpression: `SET billingRequests = :next${askedAt ? ", billingAskedAt = if_not_exists(billingAskedAt, :askedAt)" : ""}`,
    ConditionExpression: `${known}${version === undefined ? "" : " AND version = :version"}`,
    ExpressionAttributeValues: {
      ":next": { ...requests, revision: revision + 1 },
      ...(revision ? { ":revision": revision } : {}),
      ...(askedAt ? { ":askedAt": askedAt.toISOString() } : {}),
      ...(version === undefined ? {} : { ":version": version }),
    },
  };
}

/** Update expressions of `linkBilling`: what is set and removed, and on which condition. */
export function linkWrite(
  link: { readonly id: string; readonly version?: string | undefined },
  { replaces, settles = [] }: LinkOptions,
) {
  const paths = settles.map((_, index) => `billingRequests.pending.#key${index}`);
  const dead = replaces === undefined ? "" : " OR links.stripe.id = :dead";
  const free = `attribute_exists(customerId) AND (attribute_not_exists(links.stripe)${dead})`;
  const same = "links.stripe.id = :id AND";
  const older = `${same} attribute_not_exists(links.stripe.version) OR ${same} links.stripe.version <= :version`;
  const isSettling = settles.length > 0;
  return {
    set: `links.stripe = :link${isSettling ? ", billingRequests.revision = billingRequests.revision + :one" : ""}`,
    removed: isSettling ? ["billingRequests.isDirty", ...paths] : [],
    condition: link.version ? `${free} OR ${older}` : free,
    names: isSettling ? Object.fromEntries(settles.map((key, index) => [`#key${index}`, key])) : undefined,
    values: {
      ":link": link,
      ...(link.version ? { ":id": link.id, ":version": link.version } : {}),
      ...(dead ? { ":dead": replaces } : {}),
      ...(isSettling ? { ":one": 1 } : {}),
    },
  };
}
