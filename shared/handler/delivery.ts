import type { SQSRecord } from "aws-lambda";
import { z } from "zod";
import type { DetailOf, EventContract } from "../contracts/event.ts";
import type { Metadata } from "../contracts/metadata.ts";
import { ContractError } from "../errors.ts";
import { describeIssues } from "../issues.ts";
import { adoptTraceHeader } from "../trace-header.ts";
import { asRequest } from "./tick.ts";

/** One queue message with its decoded content. */
export interface Delivery<T> {
  readonly event: T;
  readonly messageId: string;
  /** The message exactly as it came; what is parked when the work cannot be done. */
  readonly body: string;
  /** How often the queue has handed it out, this time included. */
  readonly receiveCount: number;
  /** The trace header that came with the message. */
  readonly traceHeader: string | undefined;
  readonly record: SQSRecord;
}

/** Turns a message body into what the consumer works with; throws ContractError when it cannot. */
export type Decode<T> = (body: string) => T;

/** One of the fleet's own events, as a consumer gets it. */
export type FleetEvent<C extends EventContract> = C extends EventContract
  ? { readonly type: C["type"]; readonly detail: DetailOf<C> }
  : never;

const envelopeSchema = z.looseObject({
  "detail-type": z.string(),
  detail: z.unknown(),
  "replay-name": z.unknown().optional(),
});

/** @throws ContractError `NOT_JSON` */
export function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch (cause) {
    throw new ContractError("NOT_JSON", "The message body is not JSON.", { cause });
  }
}

/**
 * A decoder for messages that a bus rule or a clock put on the queue. What comes from an archive says so in `metadata.replayOf`.
 * @throws ContractError when the envelope is not EventBridge's, the type is none of `contracts`, or the detail does not
 * fit (an unknown `schemaVersion` included), with the paths named
 */
export function decodeFleetEvent<const C extends EventContract>(contracts: readonly C[]): Decode<FleetEvent<C>> {
  return (body) => {
    const envelope = envelopeSchema.safeParse(asRequest(parseJson(body)));
    if (!envelope.success) throw new ContractError("NOT_AN_EVENT", "The message is not an EventBridge event.");
    const type = envelope.data["detail-type"];
    const contract = contracts.find((candidate) => candidate.type === type);
    if (!contract) throw new ContractError("UNKNOWN_EVENT", `This consumer does not know events of type '${type}'.`);
    const detail = contract.detail.safeParse(envelope.data.detail);
    if (detail.success) return { type, detail: asReplay(detail.data, envelope.data["replay-name"]) } as FleetEvent<C>;
    throw new ContractError("BAD_EVENT", `${type} does not fit its contract: ${describeIssues(detail.error.issues)}`);
  };
}

/** An event from an archive is the same as before; only its envelope says so, and what follows from it shall know. */
function asReplay<D extends { metadata: Metadata }>(detail: D, replayName: unknown): D {
  if (replayName === undefined) return detail;
  return { ...detail, metadata: { ...detail.metadata, replayOf: detail.metadata.replayOf ?? detail.metadata.eventId } };
}

/** Wraps a record around its decoded event; the header of the change's own trace wins over a foreign one. */
export function toDelivery<T>(record: SQSRecord, event: T): Delivery<T> {
  return {
    event,
    messageId: record.messageId,
    body: record.body,
    receiveCount: Number(record.attributes.ApproximateReceiveCount),
    traceHeader: adoptTraceHeader(record.attributes.AWSTraceHeader, carriedHeader(event)),
    record,
  };
}

function carriedHeader(event: unknown): string | undefined {
  const { detail } = (event ?? {}) as { detail?: { metadata?: { traceHeader?: string } } };
  return detail?.metadata?.traceHeader;
}
