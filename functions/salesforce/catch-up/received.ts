import { z } from "zod";
import { ContractError, describeError, RejectedByTargetError } from "#shared/errors.ts";
import { describeIssues } from "#shared/issues.ts";
import { type DecodePayload, payloadDecoder } from "./avro.ts";
import { momentSchema } from "./position.ts";
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

/** An event that nobody can decode, as it came; nothing behind it may wait for it. */
export interface UnreadableEvent {
  readonly id: string;
  /** As a change has it. */
  readonly replayId: string;
  readonly schemaId: string;
  /** Avro. */
  readonly payload: Buffer;
  readonly reason: string;
  /** Of the change before, as its own cannot be read; epoch milliseconds. */
  readonly commitTimestamp: number;
}

/** What became of an event of the channel. */
export type Received = ReceivedChange | UnreadableEvent;

export function isUnreadable(received: Received): received is UnreadableEvent {
  return "reason" in received;
}

/** What the reader itself needs of the header; everything else is left to whoever works the change. */
const headerSchema = z.looseObject({
  entityName: z.string().min(1),
  recordIds: z.array(z.string()),
  transactionKey: z.string(),
  sequenceNumber: z.int(),
  commitTimestamp: momentSchema,
});

/** Decoders by schema id. An id is a fingerprint of its schema, so one cache serves all organisations for ever. */
export type Decoders = Map<string, DecodePayload>;

/**
 * Decodes one event, asking for its schema when the cache does not have it.
 * @param commitBefore commit timestamp of the change before
 * @throws what `readSchema` throws, but for a schema that Salesforce does not have
 */
export async function decodeReceived(
  { event, replayId }: ConsumerEvent,
  decoders: Decoders,
  readSchema: (schemaId: string) => Promise<string>,
  commitBefore: number,
): Promise<Received> {
  const position = replayId.toString("hex");
  const identity = { id: event.id || position, replayId: position };
  try {
    const decode = await decoderOf(event.schemaId, decoders, readSchema);
    return { ...decodePayload(event.payload, decode), ...identity };
  } catch (error) {
    if (!(error instanceof ContractError || error instanceof RejectedByTargetError)) throw error;
    const { schemaId, payload } = event;
    return { ...identity, schemaId, payload, reason: error.message, commitTimestamp: commitBefore };
  }
}

async function decoderOf(
  schemaId: string,
  decoders: Decoders,
  readSchema: (schemaId: string) => Promise<string>,
): Promise<DecodePayload> {
  const decode = decoders.get(schemaId) ?? payloadDecoder(await readSchema(schemaId));
  decoders.set(schemaId, decode);
  return decode;
}

function decodePayload(bytes: Buffer, decode: DecodePayload) {
  try {
    const payload = decode(bytes);
    return { ...readHeader(payload), payload };
  } catch (cause) {
    if (cause instanceof ContractError) throw cause;
    throw new ContractError("BAD_EVENT", `Its decoder failed: ${describeError(cause).message}.`, { cause });
  }
}

function readHeader({ ChangeEventHeader }: Readonly<Record<string, unknown>>) {
  const header = headerSchema.safeParse(ChangeEventHeader);
  if (header.success) return pick(header.data);
  throw new ContractError("BAD_HEADER", `ChangeEventHeader is wrong: ${describeIssues(header.error.issues)}.`);
}

function pick(header: z.infer<typeof headerSchema>) {
  const { entityName, recordIds, transactionKey, sequenceNumber, commitTimestamp } = header;
  return { entityName, recordIds, transactionKey, sequenceNumber, commitTimestamp };
}
