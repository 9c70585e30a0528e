import { z } from "zod";
import { ContractError } from "#shared/errors.ts";
import { describeIssues } from "#shared/issues.ts";
import { type DecodePayload, payloadDecoder } from "./avro.ts";
import type { ConsumerEvent } from "./protocol.ts";

/** A change event as the Pub/Sub API brought it, decoded. */
export interface ReceivedChange {
  /** Id that Salesforce gave the event. */
  readonly id: string;
  /** Position in the channel, hexadecimal; opaque, and shared by events that belong together. */
  readonly replayId: string;
  readonly entityName: string;
  readonly recordIds: readonly string[];
  readonly transactionKey: string;
  readonly sequenceNumber: number;
  /** Epoch milliseconds. */
  readonly commitTimestamp: number;
  /** The same JSON that Event Relay sends for this change. */
  readonly payload: Readonly<Record<string, unknown>>;
}

/** What the reader itself needs of the header; everything else is left to whoever works the change. */
const headerSchema = z.looseObject({
  entityName: z.string().min(1),
  recordIds: z.array(z.string()),
  transactionKey: z.string(),
  sequenceNumber: z.int(),
  commitTimestamp: z.int().nonnegative(),
});

/** Decoders by schema id. An id is a fingerprint of its schema, so one cache serves all organisations for ever. */
export type Decoders = Map<string, DecodePayload>;

/**
 * Decodes one event, asking for its schema when the cache does not have it.
 * @throws ContractError when it is no change event; what `readSchema` throws
 */
export async function decodeReceived(
  { event, replayId }: ConsumerEvent,
  decoders: Decoders,
  readSchema: (schemaId: string) => Promise<string>,
): Promise<ReceivedChange> {
  const position = replayId.toString("hex");
  const decode = decoders.get(event.schemaId) ?? payloadDecoder(await readSchema(event.schemaId));
  decoders.set(event.schemaId, decode);
  const payload = decode(event.payload);
  const header = headerSchema.safeParse(payload.ChangeEventHeader);
  if (header.success) return { ...pick(header.data), id: event.id || position, replayId: position, payload };
  const problems = describeIssues(header.error.issues);
  throw new ContractError("BAD_HEADER", `ChangeEventHeader of the event at ${position} is wrong: ${problems}`);
}

function pick(header: z.infer<typeof headerSchema>) {
  const { entityName, recordIds, transactionKey, sequenceNumber, commitTimestamp } = header;
  return { entityName, recordIds, transactionKey, sequenceNumber, commitTimestamp };
}
