import { z } from "zod";

/** A piece of work that could not be done, kept whole until a person or a newer version of its customer ends it. */
export interface ParkedWork {
  readonly parkedId: string;
  /** What was parked: a queue message, a run of the sync, or the comparison of records with Salesforce. */
  readonly kind: "message" | "customer-sync" | "comparison";
  /** Where it stopped: a queue, a state as `customer-sync/UpsertBilling`, or a feed as `salesforce/sweep`. */
  readonly hop: string;
  /** The whole input, as text. */
  readonly input: string;
  /** One of the classes of shared/errors.ts, or what AWS calls it. */
  readonly errorName: string;
  /** The vendor's or our own short code, when it is known. */
  readonly errorCode?: string | undefined;
  readonly errorMessage: string;
  readonly correlationId: string;
  readonly customerId: string;
  readonly orgId?: string | undefined;
  /** Version of the customer that could not be brought there. */
  readonly version?: string | undefined;
  /** Run of a state machine that ended here. */
  readonly executionArn?: string | undefined;
  readonly traceHeader: string;
  readonly tries: number;
  /** ISO 8601 in UTC. */
  readonly parkedAt: string;
  /**
   * Names this parking among several of the same work: the dead letter, the run or the request that led to it. A repetition
   * of the same one changes nothing; another one after a redrive is a new try. Default: `parkedId`.
   */
  readonly parking?: string | undefined;
}

const statusSchema = z.enum(["parked", "redriven", "done", "superseded", "discarded"]);

/** The message attribute that ties a redriven message to its piece of parked work, on to the next dead letter. */
export const PARKED_ID = "PARKED_ID";

/** The message attribute that names the message of which a dead letter was made, however often it was made of it. */
export const PARKED_MESSAGE = "PARKED_MESSAGE";

/** Where a piece of work stands: `parked → redriven → done | superseded | discarded`. */
export type ParkedStatus = z.infer<typeof statusSchema>;

/** In the order of a life. */
export const STATUSES: readonly ParkedStatus[] = statusSchema.options;

const historySchema = z.array(
  z.looseObject({
    status: statusSchema,
    at: z.string(),
    /** A person, `system:…`, or the hop that parked it. */
    by: z.string(),
    note: z.string().optional(),
  }),
);

/** One step of its life; steps are only ever added. */
export type HistoryEntry = z.infer<typeof historySchema>[number];

// One item that is odd must not hide the others.
const text = z.string().catch("unknown");
const optionalText = z.string().optional().catch(undefined);

/** A piece of parked work as it is listed: everything but its input and history. */
export const parkedSummarySchema = z.looseObject({
  parkedId: z.string(),
  kind: text,
  hop: text,
  status: statusSchema,
  errorName: text,
  errorCode: optionalText,
  errorMessage: text,
  correlationId: text,
  customerId: text,
  orgId: optionalText,
  version: optionalText,
  executionArn: optionalText,
  traceHeader: text,
  tries: z.number().catch(0),
  parkedAt: text,
  redrivenAt: optionalText,
  endedAt: optionalText,
});

export type ParkedSummary = z.infer<typeof parkedSummarySchema>;

export const parkedItemSchema = parkedSummarySchema.extend({
  parts: z.number().catch(1),
  history: historySchema.catch([]),
  /** When what its last redrive had to send was sent; without it, a redriven piece of work may have gone nowhere. */
  sentAt: optionalText,
  /** Epoch seconds; DynamoDB removes the item some time after. Only what has ended has one. */
  expiresAt: z.number().optional().catch(undefined),
});

/** A piece of parked work, whole. */
export interface ParkedItem extends z.infer<typeof parkedItemSchema> {
  readonly input: string;
}

/** Whether nothing more happens to it by itself or by a redrive. */
export function hasEnded(status: ParkedStatus): status is "done" | "superseded" | "discarded" {
  return status !== "parked" && status !== "redriven";
}
