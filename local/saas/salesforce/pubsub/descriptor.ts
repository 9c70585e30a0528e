import type { ServiceDefinition } from "@grpc/grpc-js";
import { fromJSON } from "@grpc/proto-loader";

type Fields = Record<string, { type: string; id: number; rule?: "repeated" }>;

const message = (...fields: [name: string, type: string, id?: number][]) => ({
  fields: Object.fromEntries(
    fields.map(([name, type, id], index) => {
      const repeated = type.endsWith("[]");
      return [name, { type: type.replace("[]", ""), id: id ?? index + 1, ...(repeated ? { rule: "repeated" } : {}) }];
    }),
  ) as Fields,
});
const method = (requestType: string, responseType: string, isStream = false) => ({
  requestType,
  responseType,
  comment: "",
  ...(isStream ? { requestStream: true, responseStream: true } : {}),
});

/**
 * The wire of the Pub/Sub API, `eventbus.v1`, without its beta methods; members are numbered in the order in which they
 * stand here. https://github.com/forcedotcom/pub-sub-api/blob/main/pubsub_api.proto
 */
const DESCRIPTOR: Parameters<typeof fromJSON>[0] = {
  nested: {
    TopicRequest: message(["topic_name", "string"]),
    TopicInfo: message(
      ["topic_name", "string"],
      ["tenant_guid", "string"],
      ["can_publish", "bool"],
      ["can_subscribe", "bool"],
      ["schema_id", "string"],
      ["rpc_id", "string"],
    ),
    SchemaRequest: message(["schema_id", "string"]),
    SchemaInfo: message(["schema_json", "string"], ["schema_id", "string"], ["rpc_id", "string"]),
    EventHeader: message(["key", "string"], ["value", "bytes"]),
    ProducerEvent: message(
      ["id", "string"],
      ["schema_id", "string"],
      ["payload", "bytes"],
      ["headers", "EventHeader[]"],
    ),
    ConsumerEvent: message(["event", "ProducerEvent"], ["replay_id", "bytes"]),
    ReplayPreset: { values: { LATEST: 0, EARLIEST: 1, CUSTOM: 2 } },
    FetchRequest: message(
      ["topic_name", "string"],
      ["replay_preset", "ReplayPreset"],
      ["replay_id", "bytes"],
      ["num_requested", "int32"],
      ["auth_refresh", "string"],
    ),
    FetchResponse: message(
      ["events", "ConsumerEvent[]"],
      ["latest_replay_id", "bytes"],
      ["rpc_id", "string"],
      ["pending_num_requested", "int32"],
    ),
    ErrorCode: { values: { UNKNOWN: 0, PUBLISH: 1, COMMIT: 2 } },
    Error: message(["code", "ErrorCode"], ["msg", "string"]),
    PublishRequest: message(["topic_name", "string"], ["events", "ProducerEvent[]"], ["auth_refresh", "string"]),
    PublishResult: message(["replay_id", "bytes"], ["error", "Error"], ["correlation_key", "string"]),
    PublishResponse: message(["results", "PublishResult[]"], ["schema_id", "string"], ["rpc_id", "string"]),
    PubSub: {
      methods: {
        Subscribe: method("FetchRequest", "FetchResponse", true),
        GetSchema: method("SchemaRequest", "SchemaInfo"),
        GetTopic: method("TopicRequest", "TopicInfo"),
        Publish: method("PublishRequest", "PublishResponse"),
        PublishStream: method("PublishRequest", "PublishResponse", true),
      },
    },
  },
};

/** Asks for events. `replay_preset` and `replay_id` count in the first request of a stream only. */
export interface FetchRequest {
  readonly topic_name: string;
  readonly replay_preset: "LATEST" | "EARLIEST" | "CUSTOM";
  readonly replay_id: Buffer;
  readonly num_requested: number;
}

/** Hands events over; without any it is a sign of life with the newest position. */
export interface FetchResponse {
  readonly events: readonly {
    readonly event: { readonly id: string; readonly schema_id: string; readonly payload: Buffer };
    readonly replay_id: Buffer;
  }[];
  readonly latest_replay_id: Buffer;
  readonly rpc_id: string;
  /** Events of the request that are still to come. */
  readonly pending_num_requested: number;
}

const loaded = fromJSON(
  { nested: { eventbus: { nested: { v1: DESCRIPTOR } } } },
  { keepCase: true, longs: String, enums: String, defaults: true, arrays: true },
);

/** The service as grpc-js takes it, for the server and for clients in tests. */
export const pubSubService = loaded["eventbus.v1.PubSub"] as ServiceDefinition;
