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
  const schemaJson = decoders.has(event.schemaId) ? "" : await readSchema(event.schemaId);
  try {
    const decode = decoders.get(event.schemaId) ?? payloadDecoder(schemaJson);
    decoders.set(event.schemaId, decode);
    const payload = decode(event.payload);
    return { ...readHeader(payload), id: event.id || position, replayId: position, payload };
  } catch (cause) {
    const { code = "BAD_EVENT", message } = cause as Partial<ContractError>;
    throw new ContractError(code, `The event at ${position} cannot be read: ${message}`, { cause });
  }
}

function readHeader({ ChangeEventHeader }: Readonly<Record<string, unknown>>) {
  const header = headerSchema.safeParse(ChangeEventHeader);
  if (header.success) return pick(header.data);
  throw new ContractError("BAD_HEADER", `ChangeEventHeader is wrong: ${describeIssues(header.error.issues)}`);
}

function pick(header: z.infer<typeof headerSchema>) {
  const { entityName, recordIds, transactionKey, sequenceNumber, commitTimestamp } = header;
  return { entityName, recordIds, transactionKey, sequenceNumber, commitTimestamp };
}
