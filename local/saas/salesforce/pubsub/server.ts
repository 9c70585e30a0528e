import { randomUUID } from "node:crypto";
import { createServer, type Socket } from "node:net";
import {
  type handleUnaryCall,
  type Metadata,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type sendUnaryData,
  status,
} from "@grpc/grpc-js";
import { generate } from "selfsigned";
import { HEAD_MS, listenOnLoopback } from "../../../loopback.ts";
import { schemaOf } from "../cdc/avro-schema.ts";
import { findTopic } from "../cdc/topics.ts";
import { toId18 } from "../ids.ts";
import { userOfToken } from "../oauth.ts";
import type { Org } from "../org.ts";
import { OBJECT_TYPES, requireType } from "../schema.ts";
import { pubSubService } from "./descriptor.ts";
import { authError, authHeadersInvalid, type PubSubError, pubSubError, topicNotFound } from "./errors.ts";
import type { PubSubFaults } from "./faults.ts";
import { loopbackFront } from "./front.ts";
import { type FetchStream, type StreamTimes, Subscription } from "./subscription.ts";

export interface PubSubOptions {
  /** 0 takes any free port. */
  readonly port: number;
  readonly times: StreamTimes;
  readonly faults: PubSubFaults;
  /** How long a connection may be without a call, in milliseconds. */
  readonly headMs?: number;
  /** The org of this moment: a reset replaces it. */
  org(): Org;
}

/** A Pub/Sub API on loopback. */
export interface PubSubServer {
  /** `localhost:<port>` */
  readonly endpoint: string;
  /** PEM of the certificate that clients must trust. */
  readonly certificate: string;
  stop(): Promise<void>;
}

/**
 * Starts the Pub/Sub API over TLS, with a certificate made for this start.
 * https://developer.salesforce.com/docs/platform/pub-sub-api/overview
 * @throws Error of one sentence when the port is taken
 */
export async function startPubSub(options: PubSubOptions): Promise<PubSubServer> {
  const { private: key, cert } = await generate([{ name: "commonName", value: "localhost" }], {
    keyType: "ec",
    algorithm: "sha256",
    extensions: [
      { name: "basicConstraints", cA: true },
      {
        name: "subjectAltName",
        altNames: [
          { type: 2, value: "localhost" },
          { type: 7, ip: "127.0.0.1" },
        ],
      },
    ],
  });
  const sockets = new Map<string, Socket>();
  const silent = new Map<string, NodeJS.Timeout>();
  const grpc = new Server({ interceptors: [loopbackFront((peer) => clearTimeout(silent.get(peer)))] });
  grpc.addService(
    pubSubService,
    implement(options, (peer) => sockets.get(peer)?.destroy()),
  );
  const credentials = ServerCredentials.createSsl(null, [
    { private_key: Buffer.from(key), cert_chain: Buffer.from(cert) },
  ]);
  const injector = grpc.createConnectionInjector(credentials);
  // The sockets are ours, so that a fault can cut one, and silence.
  const listener = createServer((socket) => {
    const peer = `${socket.remoteAddress}:${socket.remotePort}`;
    sockets.set(peer, socket);
    silent.set(
      peer,
      setTimeout(() => socket.destroy(), options.headMs ?? HEAD_MS),
    );
    socket.once("close", () => {
      sockets.delete(peer);
      clearTimeout(silent.get(peer));
      silent.delete(peer);
    });
    injector.injectConnection(socket);
  });
  const port = await listenOnLoopback(listener, "The Pub/Sub API of Salesforce", options.port);
  return {
    endpoint: `localhost:${port}`,
    certificate: cert,
    async stop() {
      listener.close();
      grpc.forceShutdown();
      for (const socket of sockets.values()) socket.destroy();
      injector.destroy();
    },
  };
}

function implement({ org, times, faults }: PubSubOptions, cut: (peer: string) => void) {
  const unary =
    <Request, Response>(
      answer: (request: Request, rpcId: string) => Response | PubSubError,
    ): handleUnaryCall<Request, Response> =>
    (call: ServerUnaryCall<Request, Response>, callback: sendUnaryData<Response>) => {
      const rpcId = randomUUID();
      const result = checkCaller(org(), call.metadata, rpcId) ?? answer(call.request, rpcId);
      if (result instanceof Error) callback(result);
      else callback(null, result as Response);
    };
  return {
    Subscribe(stream: FetchStream) {
      const rpcId = randomUUID();
      const peer = stream.getPeer();
      const options = { rpcId, times, fault: faults.take(), cut: () => cut(peer) };
      const refused = checkCaller(org(), stream.metadata, rpcId);
      if (refused) stream.emit("error", refused);
      else new Subscription(org(), stream, options);
    },
    GetSchema: unary(({ schema_id }: { schema_id: string }, rpc_id) => {
      const schema = OBJECT_TYPES.map(schemaOf).find(({ id }) => id === schema_id);
      if (schema) return { schema_id, schema_json: schema.json, rpc_id };
      const reason = schema_id === "" ? "schema.validation.failed" : "schema.meta.permission";
      return pubSubError(status.INVALID_ARGUMENT, reason, `There is no schema '${schema_id}'.`, rpc_id);
    }),
    GetTopic: unary(({ topic_name }: { topic_name: string }, rpc_id) => {
      const topic = findTopic(topic_name, org().state);
      if (!topic) return topicNotFound(topic_name, rpc_id);
      const { entityName } = topic;
      const schema_id = entityName === undefined ? "" : schemaOf(requireType(entityName)).id;
      const tenant_guid = `core/prod/${org().state.orgId}`;
      return { topic_name, tenant_guid, can_publish: false, can_subscribe: true, schema_id, rpc_id };
    }),
    Publish: unary((_request: unknown, rpcId) => publishRefused(rpcId)),
    PublishStream(stream: FetchStream) {
      stream.emit("error", publishRefused(randomUUID()));
    },
  };
}

function publishRefused(rpcId: string): PubSubError {
  return pubSubError(
    status.PERMISSION_DENIED,
    "topic.cannot.publish",
    "Change events are published by Salesforce alone; the emulator has no other topics.",
    rpcId,
  );
}

/** Every call names who calls, and for which org. @returns the error that ends it, or undefined */
function checkCaller(org: Org, metadata: Metadata, rpcId: string): PubSubError | undefined {
  const header = (name: string) => String(metadata.get(name)[0] ?? "");
  if (!URL.canParse(header("instanceurl"))) return authHeadersInvalid("instanceurl", rpcId);
  const tenant = toId18(header("tenantid"));
  if (!tenant) return authHeadersInvalid("tenantid", rpcId);
  if (header("accesstoken") === "") return authHeadersInvalid("accesstoken", rpcId);
  const isKnown = userOfToken(org, header("accesstoken")) !== undefined && tenant === org.state.orgId;
  return isKnown ? undefined : authError(rpcId);
}
