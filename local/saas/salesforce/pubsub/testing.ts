import {
  type ClientDuplexStream,
  type ClientReadableStream,
  credentials,
  loadPackageDefinition,
  Metadata,
  type ServiceError,
} from "@grpc/grpc-js";
import { parse } from "../cdc/avro-schema.ts";
import type { SalesforceEmulator } from "../emulator.ts";
import { type FetchRequest, type FetchResponse, pubSubService } from "./descriptor.ts";

/** One event as a subscriber decodes it. */
export interface Received {
  readonly replayId: number;
  readonly schemaId: string;
  readonly payload: { readonly ChangeEventHeader: Record<string, unknown>; readonly [field: string]: unknown };
}

type Unary = (
  request: object,
  metadata: Metadata,
  done: (error: ServiceError | null, answer: Record<string, unknown>) => void,
) => void;
interface RawClient {
  Subscribe(metadata: Metadata): ClientDuplexStream<Partial<FetchRequest>, FetchResponse>;
  GetSchema: Unary;
  GetTopic: Unary;
  Publish: Unary;
  close(): void;
}

/** A token by client credentials, as a subscriber asks for it. */
export async function tokenOf(org: SalesforceEmulator): Promise<string> {
  const { loginUrl, clientId, clientSecret } = org.connection();
  const form = new URLSearchParams({
    grant_type: "client_credentials",
    client_id: clientId,
    client_secret: clientSecret,
  });
  const response = await fetch(`${loginUrl}/services/oauth2/token`, { method: "POST", body: form });
  return ((await response.json()) as { access_token: string }).access_token;
}

/** A client of the Pub/Sub API that trusts the certificate of the connection. */
export class TestSubscriber {
  readonly metadata = new Metadata();
  readonly #client: RawClient;
  readonly #types = new Map<string, ReturnType<typeof parse>>();

  constructor(org: SalesforceEmulator, accessToken: string, headers: Record<string, string> = {}) {
    const { pubSubEndpoint, pubSubCertificate, loginUrl, orgId } = org.connection();
    const { eventbus } = loadPackageDefinition({ "eventbus.v1.PubSub": pubSubService }) as unknown as {
      eventbus: { v1: { PubSub: new (...args: unknown[]) => RawClient } };
    };
    const ssl = credentials.createSsl(Buffer.from(pubSubCertificate));
    this.#client = new eventbus.v1.PubSub(pubSubEndpoint, ssl);
    const all = { accesstoken: accessToken, instanceurl: loginUrl, tenantid: orgId, ...headers };
    for (const [name, value] of Object.entries(all)) this.metadata.set(name, value);
  }

  call(method: "GetSchema" | "GetTopic" | "Publish", request: object): Promise<Record<string, unknown>> {
    return new Promise((resolve, reject) =>
      this.#client[method](request, this.metadata, (error, answer) => (error ? reject(error) : resolve(answer))),
    );
  }

  subscribe(request: Partial<FetchRequest>): TestStream {
    const stream = this.#client.Subscribe(this.metadata);
    stream.write(request);
    return new TestStream(stream, (response) => Promise.all(response.events.map((event) => this.#decode(event))));
  }

  close(): void {
    this.#client.close();
  }

  async #decode({ event, replay_id }: FetchResponse["events"][number]): Promise<Received> {
    const schemaId = event.schema_id;
    const type =
      this.#types.get(schemaId) ?? parse(String((await this.call("GetSchema", { schema_id: schemaId })).schema_json));
    this.#types.set(schemaId, type);
    const payload = type.fromBuffer(event.payload) as Received["payload"];
    return { replayId: Number(replay_id.readBigUInt64BE()), schemaId, payload };
  }
}

/** One Subscribe stream. */
export class TestStream {
  readonly responses: FetchResponse[] = [];
  /** Resolves with the error that ended the stream, or null when it ended well. */
  readonly ended: Promise<ServiceError | null>;
  readonly #stream: ClientDuplexStream<Partial<FetchRequest>, FetchResponse>;
  readonly #decode: (response: FetchResponse) => Promise<Received[]>;
  #wake: () => void = () => undefined;

  constructor(
    stream: ClientDuplexStream<Partial<FetchRequest>, FetchResponse>,
    decode: (response: FetchResponse) => Promise<Received[]>,
  ) {
    this.#stream = stream;
    this.#decode = decode;
    stream.on("data", (response: FetchResponse) => {
      this.responses.push(response);
      this.#wake();
    });
    this.ended = new Promise((resolve) => {
      (stream as ClientReadableStream<FetchResponse>).on("error", resolve);
      stream.on("end", () => resolve(null));
    });
  }

  request(num_requested: number, more: Partial<FetchRequest> = {}): void {
    this.#stream.write({ num_requested, ...more });
  }

  /** The first `count` events, decoded. */
  async events(count: number): Promise<Received[]> {
    await this.until(() => this.responses.flatMap((one) => one.events).length >= count);
    return (await Promise.all(this.responses.map(this.#decode))).flat();
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition())
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
  }

  cancel(): void {
    this.#stream.cancel();
  }
}
