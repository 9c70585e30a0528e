import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import {
  loadPackageDefinition,
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServiceClientConstructor,
  type sendUnaryData,
} from "@grpc/grpc-js";
import { fromJSON } from "@grpc/proto-loader";
import { generate } from "selfsigned";
import type { Session } from "../../client/types.ts";
import { DESCRIPTOR, type FetchRequest, type FetchResponse } from "../protocol.ts";
import { ACCOUNT_SCHEMA, type PlainChange, toAvro } from "./schemas.ts";

/** A way for a stream to end after so many events: the connection is cut, or a status with its `error-code`. */
export type Fault = { readonly after: number } & (
  | { readonly cut: true }
  | { readonly code: number; readonly errorCode?: string }
);

/** An event of the one channel there is. */
export interface TestEvent extends PlainChange {
  readonly replayId: number;
  readonly schemaId?: string;
  /** In place of the change's own. */
  readonly payload?: Buffer;
  /** The event comes with an empty one. */
  readonly withoutReplayId?: boolean;
}

/** What the server does; all of it can be changed while it runs. */
export interface Behaviour {
  events: readonly TestEvent[];
  /** Position of the channel's end, when events of others came after ours. */
  tip: number | undefined;
  /** Replay ids before this one are no longer kept. */
  earliest: number;
  /** Most events in one response. */
  responseSize: number;
  /** Whether an empty response is sent as soon as everything was. */
  keepalive: boolean;
  /** What the next streams run into, in order; undefined for one that works. */
  faults: (Fault | undefined)[];
  /** Sessions that are taken. */
  tokens: readonly string[];
  /** Schemas as JSON, or the status that asking for them ends with. */
  schemas: Readonly<Record<string, string | number>>;
}

/** What the server saw. */
export interface Seen {
  /** First requests of the streams. */
  readonly subscribed: FetchRequest[];
  readonly requested: number[];
  readonly schemaIds: string[];
  readonly sessions: Record<string, string>[];
  /** Streams that are open. */
  open: number;
  /** Connections that are open. */
  connections(): number;
}

export interface TestPubSub extends AsyncDisposable {
  readonly endpoint: string;
  readonly certificate: string;
  readonly behaviour: Behaviour;
  readonly seen: Seen;
  /** Gives open streams the events that came to the channel after they began. */
  publish(): void;
}

type Stream = ServerDuplexStream<FetchRequest, FetchResponse>;

const CUT_MS = 20;
export const SCHEMA_ID = "account-schema";
export const SESSION: Session = { accessToken: "token-1", instanceUrl: "https://acme.my.salesforce.com" };

/** Eight bytes, the highest first. */
export function replayBytes(replayId: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(replayId));
  return bytes;
}

const certificates = generate([{ name: "commonName", value: "localhost" }], {
  keyType: "ec",
  extensions: [
    { name: "basicConstraints", cA: true },
    { name: "subjectAltName", altNames: [{ type: 2, value: "localhost" }] },
  ],
});

/** A Pub/Sub API with one channel on loopback, over TLS. Close it with `await using`. */
export async function startPubSub(changed: Partial<Behaviour> = {}): Promise<TestPubSub> {
  const behaviour: Behaviour = {
    events: [],
    tip: undefined,
    earliest: 0,
    responseSize: 100,
    keepalive: true,
    faults: [],
    tokens: [SESSION.accessToken],
    schemas: { [SCHEMA_ID]: JSON.stringify(ACCOUNT_SCHEMA) },
    ...changed,
  };
  const pumps = new Set<() => void>();
  const sockets = new Map<string, Socket>();
  const seen: Seen = {
    subscribed: [],
    requested: [],
    schemaIds: [],
    sessions: [],
    open: 0,
    connections: () => sockets.size,
  };
  const { private: key, cert } = await certificates;
  const grpc = new Server();
  // Later, and by an end: what was written before shall arrive.
  const cut = (peer: string) => setTimeout(() => sockets.get(peer)?.end(), CUT_MS);
  const definition = loadPackageDefinition(fromJSON(DESCRIPTOR, { enums: String, defaults: true, arrays: true }));
  const { PubSub } = (definition as unknown as { eventbus: { v1: { PubSub: ServiceClientConstructor } } }).eventbus.v1;
  grpc.addService(PubSub.service, {
    Subscribe(stream: Stream) {
      pumps.add(serveStream(stream, behaviour, seen, () => cut(stream.getPeer())));
    },
    GetSchema(call: ServerUnaryCall<{ schemaId: string }, object>, answer: sendUnaryData<object>) {
      const { schemaId } = call.request;
      seen.schemaIds.push(schemaId);
      const schema = behaviour.schemas[schemaId];
      if (schema === undefined) answer(statusOf(3, "schema.meta.permission"));
      else if (typeof schema === "number") answer(statusOf(schema));
      else answer(null, { schemaId, schemaJson: schema });
    },
  });
  const pair = { private_key: Buffer.from(key), cert_chain: Buffer.from(cert) };
  const injector = grpc.createConnectionInjector(ServerCredentials.createSsl(null, [pair]));
  // The sockets are ours, so that a fault can cut one.
  const listener = createServer((socket) => {
    const peer = `${socket.remoteAddress}:${socket.remotePort}`;
    sockets.set(peer, socket);
    socket.once("close", () => sockets.delete(peer));
    injector.injectConnection(socket);
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  return {
    endpoint: `localhost:${(listener.address() as AddressInfo).port}`,
    certificate: cert,
    behaviour,
    seen,
    publish: () => {
      for (const pump of pumps) pump();
    },
    async [Symbol.asyncDispose]() {
      listener.close();
      grpc.forceShutdown();
      for (const socket of sockets.values()) socket.destroy();
      injector.destroy();
    },
  };
}

/** Answers one stream. @returns what looks for events that came meanwhile */
function serveStream(stream: Stream, behaviour: Behaviour, seen: Seen, cut: () => void): () => void {
  const { accesstoken, ...session } = stream.metadata.getMap() as Record<string, string>;
  seen.sessions.push({ accesstoken: String(accesstoken), ...session });
  const fault = behaviour.faults.shift();
  let [demand, delivered, next] = [0, 0, -1];
  let told = false;
  let over = false;
  seen.open += 1;
  const close = () => {
    if (!over) seen.open -= 1;
    over = true;
  };
  const fail = (code: number, errorCode?: string) => {
    close();
    stream.emit("error", statusOf(code, errorCode));
  };
  const meet = (met: Fault) => {
    if ("code" in met) return fail(met.code, met.errorCode);
    close();
    cut();
  };
  const pump = () => {
    const { events, responseSize, keepalive } = behaviour;
    while (!over) {
      if (fault && delivered >= fault.after) return meet(fault);
      const room = Math.min(demand, responseSize, fault ? fault.after - delivered : Number.POSITIVE_INFINITY);
      const some = events.slice(next, next + room);
      if (some.length === 0) break;
      next += some.length;
      demand -= some.length;
      delivered += some.length;
      stream.write({ events: some.map(toConsumerEvent), latestReplayId: replayBytes(some.at(-1)?.replayId ?? 0) });
    }
    if (over || !keepalive || told || demand === 0) return;
    told = true;
    stream.write({ events: [], latestReplayId: replayBytes(tipOf(behaviour)) });
  };
  const begin = (request: FetchRequest) => {
    seen.subscribed.push(request);
    if (!behaviour.tokens.includes(String(accesstoken))) return fail(16, "service.auth.error");
    next = request.replayPreset === "LATEST" ? behaviour.events.length : after(behaviour, request.replayId as Buffer);
    if (next < 0) fail(3, "subscription.fetch.replayid.corrupted");
  };
  stream.on("data", (request: FetchRequest) => {
    if (next < 0) begin(request);
    seen.requested.push(request.numRequested);
    demand += request.numRequested;
    pump();
  });
  stream.on("end", () => stream.end());
  stream.on("cancelled", close);
  stream.on("close", close);
  return pump;
}

/** Waits until the client has closed its streams and connections; false when it has not after some seconds. */
export async function allClosed({ seen }: TestPubSub): Promise<boolean> {
  const closed = () => seen.open === 0 && seen.connections() === 0;
  for (const deadline = Date.now() + 10_000; !closed() && Date.now() < deadline; )
    await new Promise((resolve) => setTimeout(resolve, 5));
  return closed();
}

/** Index of the first event after a replay id, or -1 when it is not known. */
function after({ events, earliest, tip }: Behaviour, replayId: Buffer): number {
  const id = replayId.length === 8 ? Number(replayId.readBigUInt64BE()) : -1;
  const known = id === 0 || id === tip || events.some((event) => event.replayId === id);
  if (!known || id < earliest) return -1;
  const index = events.findIndex((event) => event.replayId > id);
  return index < 0 ? events.length : index;
}

function tipOf({ events, tip }: Behaviour): number {
  return tip ?? events.at(-1)?.replayId ?? 0;
}

function toConsumerEvent({ replayId, schemaId = SCHEMA_ID, payload, withoutReplayId, ...change }: TestEvent) {
  const id = `event-${replayId}-${change.header.sequenceNumber}`;
  return {
    event: { id, schemaId, payload: payload ?? toAvro(change) },
    replayId: withoutReplayId ? Buffer.alloc(0) : replayBytes(replayId),
  };
}

function statusOf(code: number, errorCode?: string) {
  const metadata = new Metadata();
  if (errorCode) metadata.set("error-code", `sfdc.platform.eventbus.grpc.${errorCode}`);
  return { name: "Error", message: "test", details: `refused. rpcId: test-${code}`, code, metadata };
}
