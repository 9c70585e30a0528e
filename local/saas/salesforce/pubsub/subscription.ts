import { randomUUID } from "node:crypto";
import type { ServerDuplexStream } from "@grpc/grpc-js";
import { status } from "@grpc/grpc-js";
import { toAvro } from "../cdc/avro.ts";
import { schemaOf } from "../cdc/avro-schema.ts";
import { Cursor, type Placed } from "../cdc/cursor.ts";
import { findTopic } from "../cdc/topics.ts";
import type { Org } from "../org.ts";
import { requireType } from "../schema.ts";
import type { FetchRequest, FetchResponse } from "./descriptor.ts";
import {
  deliveryLimitExceeded,
  nothingRequested,
  orgMoved,
  type PubSubError,
  pubSubError,
  replayIdCorrupted,
  replayIdMissing,
  serviceUnavailable,
  topicMismatch,
  topicNotFound,
} from "./errors.ts";
import type { PubSubFault } from "./faults.ts";

/** Waits of a stream, in milliseconds. */
export interface StreamTimes {
  /** Longest silence: then an empty response tells the newest position. */
  readonly keepaliveMs: number;
  /** How long a client whose requests are served may take to ask again. */
  readonly nextFetchMs: number;
}

export type FetchStream = ServerDuplexStream<FetchRequest, FetchResponse>;

/** A request for more than this gets this many. */
const MAX_REQUESTED = 100;

/** Eight bytes, the highest first. */
export function encodeReplayId(replayId: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(replayId));
  return bytes;
}

/**
 * One Subscribe stream: gives as many events as were asked for, tells the newest position when there are none, and ends
 * when the client asks for no more.
 * https://developer.salesforce.com/docs/platform/pub-sub-api/references/methods/subscribe-rpc.html
 */
export class Subscription {
  readonly #org: Org;
  readonly #stream: FetchStream;
  readonly #rpcId: string;
  readonly #times: StreamTimes;
  readonly #fault: PubSubFault | undefined;
  readonly #cut: () => void;
  readonly #unsubscribe: (() => void)[];
  #cursor: Cursor | undefined;
  #requested = 0;
  #delivered = 0;
  #timer: NodeJS.Timeout | undefined;
  #isBlocked = false;
  /** Resolves when the last response has left. */
  #sent: Promise<void> = Promise.resolve();
  #isOver = false;

  /** `cut` ends the connection itself. */
  constructor(
    org: Org,
    stream: FetchStream,
    options: { rpcId: string; times: StreamTimes; fault: PubSubFault | undefined; cut: () => void },
  ) {
    this.#org = org;
    this.#stream = stream;
    this.#rpcId = options.rpcId;
    this.#times = options.times;
    this.#fault = options.fault;
    this.#cut = options.cut;
    this.#unsubscribe = [org.onCommit(() => this.#pump()), org.onDisconnect(() => this.fail(orgMoved(this.#rpcId)))];
    stream.on("data", (request: FetchRequest) => this.#accept(request));
    stream.on("end", () => this.#end());
    stream.on("cancelled", () => this.#close());
    stream.on("error", () => this.#close());
  }

  /** Ends the stream with an error. */
  fail(error: PubSubError): void {
    if (this.#isOver) return;
    this.#close();
    this.#stream.emit("error", error);
  }

  #end(): void {
    if (this.#isOver) return;
    this.#close();
    this.#stream.end();
  }

  #close(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    for (const stop of this.#unsubscribe) stop();
  }

  #accept(request: FetchRequest): void {
    if (this.#isOver) return;
    const error = this.#cursor ? this.#mismatch(request) : this.#begin(request);
    const refused = error ?? (request.num_requested <= 0 ? nothingRequested(this.#rpcId) : undefined);
    if (refused) {
      this.fail(refused);
      return;
    }
    this.#requested += Math.min(request.num_requested, MAX_REQUESTED);
    this.#restartTimer();
    if (this.#meetsFault()) return;
    this.#pump();
  }

  #mismatch({ topic_name }: FetchRequest): PubSubError | undefined {
    return topic_name !== "" && topic_name !== this.#cursor?.topic.name ? topicMismatch(this.#rpcId) : undefined;
  }

  #begin({ topic_name, replay_preset, replay_id }: FetchRequest): PubSubError | undefined {
    const topic = findTopic(topic_name, this.#org.state);
    if (!topic) return topicNotFound(topic_name, this.#rpcId);
    const start = this.#startOf(replay_preset, replay_id);
    if (typeof start !== "number") return start;
    this.#cursor = new Cursor(this.#org, topic, start);
    return undefined;
  }

  #startOf(preset: FetchRequest["replay_preset"], given: Buffer): number | PubSubError {
    if (preset === "EARLIEST") return 0;
    if (preset === "LATEST") return this.#org.store.replayId;
    if (given.length === 0) return replayIdMissing(this.#rpcId);
    const replayId = given.length === 8 ? Number(given.readBigUInt64BE()) : Number.NaN;
    return this.#org.log.has(replayId) ? replayId : replayIdCorrupted(this.#rpcId);
  }

  #pump(): void {
    while (this.#cursor && this.#requested > 0 && !this.#isBlocked && !this.#isOver) {
      const placed = this.#cursor.take(Math.min(this.#requested, this.#untilFault()));
      if (placed.length === 0) return;
      if (this.#org.isDeliveryExhausted) {
        this.fail(deliveryLimitExceeded(this.#rpcId));
        return;
      }
      this.#requested -= placed.length;
      this.#delivered += placed.length;
      this.#org.countDelivery(placed.length);
      this.#send(placed, this.#cursor.position);
      if (this.#meetsFault()) return;
    }
  }

  #send(placed: readonly Placed[], position: number): void {
    const twice = this.#fault?.kind === "duplicate" && this.#delivered > this.#fault.afterEvents;
    const events = placed.map((one) => this.#toConsumerEvent(one));
    const response = {
      events: twice ? events.flatMap((event) => [event, event]) : events,
      latest_replay_id: encodeReplayId(placed.at(-1)?.replayId ?? position),
      rpc_id: this.#rpcId,
      pending_num_requested: this.#requested,
    };
    const sent = Promise.withResolvers<void>();
    this.#sent = sent.promise;
    const isRoomLeft = this.#stream.write(response, () => sent.resolve());
    this.#restartTimer();
    if (isRoomLeft) return;
    this.#isBlocked = true;
    this.#stream.once("drain", () => {
      this.#isBlocked = false;
      this.#pump();
    });
  }

  #toConsumerEvent({ event, replayId }: Placed): FetchResponse["events"][number] {
    const type = requireType(event.entityName);
    return {
      event: { id: randomUUID(), schema_id: schemaOf(type).id, payload: toAvro(event, type) },
      replay_id: encodeReplayId(replayId),
    };
  }

  /** Either the client waits for events, or the server for the next request. */
  #restartTimer(): void {
    clearTimeout(this.#timer);
    if (this.#isOver) return;
    const { keepaliveMs, nextFetchMs } = this.#times;
    this.#timer =
      this.#requested > 0
        ? setTimeout(() => this.#keepAlive(), keepaliveMs)
        : setTimeout(() => this.#end(), nextFetchMs);
  }

  #keepAlive(): void {
    const position = this.#isBlocked ? this.#cursor?.position : this.#cursor?.moveToTip();
    if (position !== undefined) this.#send([], position);
  }

  /** How many events may come through before the fault. */
  #untilFault(): number {
    const left = this.#fault ? this.#fault.afterEvents - this.#delivered : 0;
    return left > 0 ? left : Number.POSITIVE_INFINITY;
  }

  /** Plays the fault of this stream when it is due. @returns whether the stream is over */
  #meetsFault(): boolean {
    const fault = this.#fault;
    if (!fault || this.#delivered < fault.afterEvents || fault.kind === "duplicate") return false;
    if (fault.kind === "cut") {
      this.#close();
      void this.#sent.then(() => setImmediate(this.#cut));
    } else if (fault.kind === "unavailable") this.fail(serviceUnavailable(this.#rpcId));
    else this.fail(pubSubError(status[fault.code], fault.errorCode, "The stream was ended.", this.#rpcId));
    return true;
  }
}
