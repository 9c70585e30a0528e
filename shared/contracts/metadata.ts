import { z } from "zod";

/** What every fleet event says about itself, beside its data. */
export const metadataSchema = z.looseObject({
  /** Identity of this event. */
  eventId: z.string().min(1),
  /** When the thing happened at its source, ISO 8601 in UTC. */
  occurredAt: z.iso.datetime(),
  /** Born once per change, the same on every hop after it. */
  correlationId: z.string().min(1),
  /** `eventId` of the event that caused this one. */
  causationId: z.string().min(1),
  /** X-Ray header of the change's trace; EventBridge loses its own on replays and partner events. */
  traceHeader: z.string().optional(),
  /** Salesforce organisation the change came from. */
  orgId: z.string().min(15),
  /** Who made the change at the source: a Salesforce user id, an API caller, `system:sweep`. */
  actor: z.string().min(1),
  /** `bulk` for work that may wait behind live changes, such as a backfill's; absent means live. */
  lane: z.literal("bulk").optional(),
  schemaVersion: z.literal(1),
  /** `eventId` of the event that this one repeats, for replays and redrives. */
  replayOf: z.string().optional(),
});

export type Metadata = z.infer<typeof metadataSchema>;

/** Stands for the organisation in events that are about none: Salesforce's own id for "no record". */
export const NO_ORG = "000000000000000AAA";
