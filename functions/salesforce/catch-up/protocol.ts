/**
 * The part of Salesforce's Pub/Sub API that the reader uses, as protobufjs describes a `.proto` file. Numbers are those of
 * https://github.com/forcedotcom/pub-sub-api/blob/main/pubsub_api.proto
 */
export const DESCRIPTOR = {
  nested: {
    eventbus: {
      nested: {
        v1: {
          nested: {
            PubSub: {
              methods: {
                Subscribe: {
                  requestType: "FetchRequest",
                  requestStream: true,
                  responseType: "FetchResponse",
                  responseStream: true,
                  comment: "Follows a channel.",
                },
                GetSchema: { requestType: "SchemaRequest", responseType: "SchemaInfo", comment: "Explains payloads." },
              },
            },
            ReplayPreset: { values: { LATEST: 0, EARLIEST: 1, CUSTOM: 2 } },
            FetchRequest: {
              fields: {
                topicName: { type: "string", id: 1 },
                replayPreset: { type: "ReplayPreset", id: 2 },
                replayId: { type: "bytes", id: 3 },
                numRequested: { type: "int32", id: 4 },
              },
            },
            FetchResponse: {
              fields: {
                events: { rule: "repeated", type: "ConsumerEvent", id: 1 },
                latestReplayId: { type: "bytes", id: 2 },
                rpcId: { type: "string", id: 3 },
                pendingNumRequested: { type: "int32", id: 4 },
              },
            },
            ConsumerEvent: {
              fields: { event: { type: "ProducerEvent", id: 1 }, replayId: { type: "bytes", id: 2 } },
            },
            ProducerEvent: {
              fields: {
                id: { type: "string", id: 1 },
                schemaId: { type: "string", id: 2 },
                payload: { type: "bytes", id: 3 },
              },
            },
            SchemaRequest: { fields: { schemaId: { type: "string", id: 1 } } },
            SchemaInfo: { fields: { schemaJson: { type: "string", id: 1 }, schemaId: { type: "string", id: 2 } } },
          },
        },
      },
    },
  },
};

/** Sent by the reader: a first request opens the stream, each further one only raises the demand. */
export interface FetchRequest {
  readonly topicName: string;
  readonly replayPreset?: "LATEST" | "CUSTOM";
  readonly replayId?: Uint8Array;
  readonly numRequested: number;
}

/** Sent by Salesforce; without events it is a keepalive that tells how far the channel goes. */
export interface FetchResponse {
  readonly events: readonly ConsumerEvent[];
  readonly latestReplayId: Buffer;
}

/** One event as it came: Avro, with the id of its schema. */
export interface ConsumerEvent {
  readonly event: { readonly id: string; readonly schemaId: string; readonly payload: Buffer };
  readonly replayId: Buffer;
}
