import { once } from "node:events";
import { type ClientHttp2Session, connect as connectHttp2, constants } from "node:http2";
import { connect } from "node:net";
import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import fc from "fast-check";
import type { SalesforceEmulator } from "../emulator.ts";
import { startTestOrg } from "../testing.ts";
import { pubSubService } from "./descriptor.ts";
import { TestSubscriber, tokenOf } from "./testing.ts";

const METHODS = Object.keys(pubSubService);
/** Processor time of this process, which does not grow while others are busy. */
const MOST_CPU_SECONDS = 1;
let org: SalesforceEmulator;
let subscriber: TestSubscriber;
let session: ClientHttp2Session;

beforeAll(async () => {
  org = await startTestOrg();
  subscriber = new TestSubscriber(org, await tokenOf(org));
});
afterAll(async () => {
  session?.destroy();
  subscriber.close();
  await org.stop();
});

/** A connection that the server may have ended over the last call. */
function current(): ClientHttp2Session {
  if (session && !session.closed && !session.destroyed) return session;
  const { pubSubEndpoint, pubSubCertificate } = org.connection();
  session = connectHttp2(`https://${pubSubEndpoint}`, { ca: pubSubCertificate });
  session.on("error", () => undefined);
  return session;
}

/** Sends a body as one gRPC call of somebody who may call. @returns the status, or undefined when the call was cut */
async function call(method: string, body: Buffer): Promise<string | undefined> {
  const headers = subscriber.metadata.getMap() as Record<string, string>;
  const stream = current().request({
    ":method": "POST",
    ":path": `/eventbus.v1.PubSub/${method}`,
    "content-type": "application/grpc",
    te: "trailers",
    ...headers,
  });
  let status: string | undefined;
  const read = (told: Record<string, unknown>) => {
    status = (told["grpc-status"] as string | undefined) ?? status;
  };
  stream.on("response", read);
  stream.on("trailers", read);
  stream.on("error", () => undefined);
  stream.resume();
  stream.end(body);
  await once(stream, "close");
  return status;
}

/** What comes afterwards is answered. */
async function assertAnswers(): Promise<void> {
  const topic = await subscriber.call("GetTopic", { topic_name: "/data/AccountChangeEvent" });
  expect(topic.can_subscribe).toBe(true);
}

async function assertCheap(work: () => Promise<unknown>): Promise<void> {
  const before = process.cpuUsage();
  await work();
  await assertAnswers();
  const { user, system } = process.cpuUsage(before);
  expect((user + system) / 1e6).toBeLessThan(MOST_CPU_SECONDS);
}

function framed(message: Buffer, length = message.length, flag = 0): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(flag);
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, message]);
}

const bytes = (maxLength = 200) => fc.uint8Array({ maxLength }).map((array) => Buffer.from(array));
const number = (value: number) => Buffer.from([...varint(value)]);
function* varint(value: number): Generator<number> {
  let left = BigInt.asUintN(64, BigInt(value));
  for (; left > 0x7fn; left >>= 7n) yield Number(left & 0x7fn) | 0x80;
  yield Number(left);
}
/** A member of a message, by its number: a whole number, or bytes. */
const member = (id: number, value: number | Buffer) =>
  typeof value === "number"
    ? Buffer.concat([number(id << 3), number(value)])
    : Buffer.concat([number((id << 3) | 2), number(value.length), value]);

const hostileText = fc
  .oneof(
    fc.constantFrom("/data/AccountChangeEvent", "/data/ChangeEvents", "", "__proto__", "\u0000", "../".repeat(5000)),
    fc.string({ unit: "binary", maxLength: 50 }),
  )
  .map((text) => Buffer.from(text));
/** Half of a surrogate pair, which no text of UTF-8 has. */
const halfPair = Buffer.from([0x2f, 0xed, 0xa0, 0x80]);
/** A request as it should be, of members as they should not be. */
const request = fc
  .tuple(
    fc.oneof(hostileText, bytes(), fc.constant(halfPair)),
    fc.constantFrom(0, 1, 2, 3, -1, 2 ** 31),
    bytes(16),
    fc.constantFrom(0, 1, -1, 100, 2 ** 31 - 1, 2 ** 40),
  )
  .map(([topic, preset, replayId, count]) =>
    Buffer.concat([member(1, topic), member(2, preset), member(3, replayId), member(4, count)]),
  );
const body = fc.oneof(
  request.map((message) => framed(message)),
  bytes().map((message) => framed(message)),
  fc
    .tuple(bytes(), fc.constantFrom(0, 1, 2 ** 24, 2 ** 32 - 1), fc.constantFrom(0, 1, 255))
    .map(([message, length, flag]) => framed(message, length, flag)),
  bytes(),
);

test("every call is answered whatever comes", async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...METHODS, "Nothing"), body, (method, message) =>
      assertCheap(() => call(method, message)),
    ),
    { numRuns: 100 },
  );
});

test.each<[string, string, Buffer]>([
  ["half a surrogate pair", "GetTopic", framed(member(1, halfPair))],
  ["half a surrogate pair", "GetSchema", framed(member(1, halfPair))],
  ["a deep message", "Publish", framed(Buffer.concat(Array.from({ length: 5000 }, () => Buffer.from([0x0b]))))],
  ["a message that says it has four gigabytes", "GetTopic", framed(Buffer.alloc(10), 2 ** 32 - 1)],
])("%s is refused by %s", async (_, method, message) => {
  await assertCheap(async () => expect(await call(method, message)).not.toBe(String(constants.NGHTTP2_NO_ERROR)));
});

test("a message of more than 4 MB is refused", async () => {
  const [most, padding] = [4 * 1024 * 1024, 100];
  const ofSize = (size: number) => framed(member(15, Buffer.alloc(size)));
  expect(await call("GetTopic", ofSize(most - padding))).toBe(String(status.NOT_FOUND));
  expect(await call("GetTopic", ofSize(most))).toBe(String(status.RESOURCE_EXHAUSTED));
});

test("what is no TLS does no harm", async () => {
  const port = Number(org.connection().pubSubEndpoint.split(":")[1]);
  await fc.assert(
    fc.asyncProperty(bytes(2000), (noise) =>
      assertCheap(async () => {
        const socket = connect(port, "127.0.0.1");
        socket.on("error", () => undefined);
        socket.resume();
        socket.end(noise);
        await once(socket, "close");
      }),
    ),
    { numRuns: 30 },
  );
});
