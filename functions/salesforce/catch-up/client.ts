import {
  type ClientDuplexStream,
  credentials,
  loadPackageDefinition,
  Metadata,
  type requestCallback,
} from "@grpc/grpc-js";
import { fromJSON } from "@grpc/proto-loader";
import { ContractError, TransientError } from "#shared/errors.ts";
import type { Gate } from "#shared/targets/gate.ts";
import { eventsOf } from "#shared/targets/keys.ts";
import type { Session } from "../client/types.ts";
import { isSessionExpired, toFleetError, toSchemaError } from "./errors.ts";
import { DESCRIPTOR, type FetchRequest, type FetchResponse } from "./protocol.ts";

/** A connection to the Pub/Sub API for one session. Everything it throws is one of the fleet's errors. */
export interface PubSub {
  /** Follows a channel, from after a replay id or from its end. */
  subscribe(channel: string, after: Uint8Array | "latest"): Subscription;
  /** An Avro schema as JSON text. */
  schema(schemaId: string): Promise<string>;
}

/** An open stream of one channel. */
export interface Subscription {
  /** Lets so many more events come, at most 100; Salesforce sends none that were not asked for. */
  request(events: number): void;
  /** The next answer, or undefined when none came in this many milliseconds. */
  next(patienceMs: number): Promise<FetchResponse | undefined>;
  cancel(): void;
}

/** Where the API is, and for whom. */
export interface PubSubSettings {
  /** Host and port, such as `api.pubsub.salesforce.com:7443`. */
  readonly endpoint: string;
  /** Certificate to trust instead of the system's roots, PEM. */
  readonly certificate?: string | undefined;
  /** 18 characters. */
  readonly orgId: string;
  /** Opens a session; `renew` when the one given before was refused. */
  readonly session: (options: { renew: boolean }) => Promise<Session>;
  /** Milliseconds to wait for a connection and for a schema; default ten seconds. */
  readonly patienceMs?: number;
}

/** Time for a connection, and for a schema. */
export const PATIENCE_MS = 10_000;

/** The stub that grpc-js makes of the descriptor. */
interface Stub {
  Subscribe(metadata: Metadata): ClientDuplexStream<FetchRequest, FetchResponse>;
  GetSchema(
    request: { schemaId: string },
    metadata: Metadata,
    options: { deadline: number },
    callback: requestCallback<{ schemaJson: string }>,
  ): unknown;
  waitForReady(deadline: number, callback: (error?: Error) => void): void;
  close(): void;
}

type StubClass = new (address: string, secrets: ReturnType<typeof credentials.createSsl>, options: object) => Stub;

const CHANNEL_OPTIONS = {
  // One layer retries: the queue.
  "grpc.enable_retries": 0,
  "grpc.service_config_disable_resolution": 1,
  // Closing the client shall close its connection too, and a new session shall not find the old one's.
  "grpc.use_local_subchannel_pool": 1,
  // A hundred events of one megabyte may come together.
  "grpc.max_receive_message_length": -1,
  // Notices a connection that died without a word.
  "grpc.keepalive_time_ms": 20_000,
  "grpc.keepalive_timeout_ms": 10_000,
};

/**
 * Connects to the Pub/Sub API and works with it, once more with a new session when Salesforce refuses the one before.
 * Nothing stays open.
 * @throws TargetUnavailableError when the gate lets nobody in: nothing was called
 */
export type WithPubSub = <T>(settings: PubSubSettings, work: (pubSub: PubSub) => Promise<T>) => Promise<T>;

/** None of the fleet's errors, so that the gate, through which it is thrown, learns nothing of Salesforce from it. */
class NotTheirs extends Error {}

/**
 * The Pub/Sub API of an organisation behind the gate: for the gate a connection with all its calls is one call, and its end
 * is what Salesforce made of it. It has a breaker of its own, as it may be away, and its deliveries may be used up, while
 * the other APIs answer.
 */
export function createPubSub(gate: Gate): WithPubSub {
  return async (settings, work) => {
    const theirs = new WeakSet<Error>();
    const attempt = async (renew: boolean) => {
      const session = await settings.session({ renew });
      const connection = await connect(settings, session, theirs);
      try {
        return await work(connection);
      } finally {
        connection.close();
      }
    };
    const whole = () =>
      attempt(false).catch((error) => {
        if (isSessionExpired(error)) return attempt(true);
        throw error;
      });
    try {
      return await gate.call(eventsOf(settings.orgId), () =>
        whole().catch((error) => {
          throw theirs.has(error) ? error : new NotTheirs("Not of the Pub/Sub API.", { cause: error });
        }),
      );
    } catch (error) {
      throw error instanceof NotTheirs ? error.cause : error;
    }
  };
}

/**
 * Connects over TLS, and notes in `theirs` what Salesforce answers, or that it does not.
 * https://developer.salesforce.com/docs/platform/pub-sub-api/guide/supported-auth.html
 * @throws TransientError `UNREACHABLE` when there is no connection in time
 */
async function connect(
  { endpoint, certificate, orgId, patienceMs = PATIENCE_MS }: PubSubSettings,
  session: Session,
  theirs: WeakSet<Error>,
): Promise<PubSub & { close(): void }> {
  const root = certificate ? Buffer.from(certificate) : null;
  const stub = new (stubClass())(endpoint, credentials.createSsl(root), CHANNEL_OPTIONS);
  const metadata = new Metadata();
  metadata.set("accesstoken", session.accessToken);
  metadata.set("instanceurl", session.instanceUrl);
  metadata.set("tenantid", orgId);
  const note = <E extends Error>(error: E): E => {
    theirs.add(error);
    return error;
  };
  await untilReady(stub, endpoint, patienceMs).catch((error) => {
    throw note(error);
  });
  const streams: Subscription[] = [];
  return {
    subscribe(channel, after) {
      const stream = subscribe(stub.Subscribe(metadata), channel, after, note);
      streams.push(stream);
      return stream;
    },
    schema: (schemaId) =>
      new Promise((resolve, reject) => {
        stub.GetSchema({ schemaId }, metadata, { deadline: Date.now() + patienceMs }, (error, answer) => {
          if (error) reject(note(toSchemaError(error, `GetSchema ${schemaId}`)));
          else if (answer?.schemaJson) resolve(answer.schemaJson);
          else
            reject(
              note(new ContractError("BAD_ANSWER", `Salesforce answered GetSchema ${schemaId} without a schema.`)),
            );
        });
      }),
    close() {
      for (const stream of streams) stream.cancel();
      stub.close();
    },
  };
}

function stubClass(): StubClass {
  const definition = fromJSON(DESCRIPTOR, { enums: String, defaults: true, arrays: true });
  const root = loadPackageDefinition(definition) as unknown as { eventbus: { v1: { PubSub: StubClass } } };
  return root.eventbus.v1.PubSub;
}

function untilReady(stub: Stub, endpoint: string, patienceMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    stub.waitForReady(Date.now() + patienceMs, (cause) => {
      if (!cause) return resolve();
      stub.close();
      const advice = "check the connection's pubSubEndpoint and pubSubCertificate";
      const text = `No TLS connection to ${endpoint} within ${patienceMs / 1000} s; ${advice}.`;
      reject(new TransientError("UNREACHABLE", text, { cause }));
    });
  });
}

/** Turns the stream's calls back into answers that are waited for. */
function subscribe(
  stream: ClientDuplexStream<FetchRequest, FetchResponse>,
  topicName: string,
  after: Uint8Array | "latest",
  note: <E extends Error>(error: E) => E,
): Subscription {
  const what = `Subscribe to ${topicName}`;
  const answers: FetchResponse[] = [];
  let failure: Error | undefined;
  let wake = () => {};
  let first: Partial<FetchRequest> =
    after === "latest" ? { replayPreset: "LATEST" } : { replayPreset: "CUSTOM", replayId: after };
  const fail = (error: Error) => {
    failure ??= note(error);
    wake();
  };
  stream.on("data", (answer: FetchResponse) => {
    answers.push(answer);
    wake();
  });
  stream.on("error", (error) => fail(toFleetError(error, what)));
  stream.on("end", () => fail(new TransientError("STREAM_ENDED", `Salesforce ended ${what} without a reason.`)));
  return {
    request(numRequested) {
      if (!failure) stream.write({ topicName, ...first, numRequested });
      first = {};
    },
    async next(patienceMs) {
      if (answers.length === 0 && !failure)
        await signal(patienceMs, (settle) => {
          wake = settle;
        });
      const answer = answers.shift();
      if (!answer && failure) throw failure;
      return answer;
    },
    cancel: () => stream.cancel(),
  };
}

/** Settles when the function given to `register` is called, or after some time. */
function signal(milliseconds: number, register: (settle: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    register(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
