import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import streaming from "jsforce/lib/api/streaming.js";
import type { Connection } from "jsforce/lib/core.js";
import type { SalesforceEmulator } from "../emulator.ts";
import { connect, control, startTestOrg } from "../testing.ts";

// What the streaming client of jsforce does when the server misbehaves, as measured against the real library:
// https://developer.salesforce.com/docs/atlas.en-us.api_streaming.meta/api_streaming/streaming_handling_errors.htm
const { Streaming, StreamingExtension } = streaming;
const ACCOUNTS = "/data/AccountChangeEvent";
const CONTACTS = "/data/ContactChangeEvent";

interface Message {
  readonly channel: string;
  readonly error?: string;
  readonly advice?: { readonly reconnect?: string };
  readonly successful?: boolean;
}
interface Extension {
  incoming?(message: Message, callback: (message: Message | null) => void): void;
  outgoing?(message: Message, callback: (message: Message | null) => void): void;
}

let org: SalesforceEmulator;
let conn: Connection;
let isOver: boolean;
let closers: (() => void)[];
beforeEach(async () => {
  isOver = false;
  closers = [];
  // The library gives up on a connect after 1.2 times the advised timeout; a busy machine must not get there.
  org = await startTestOrg({ cometdTimes: { timeoutMs: 4000, intervalMs: 10 } });
  conn = await connect(org);
});
afterEach(async () => {
  // The library's client has no end: what it still wants to send is dropped, and its transport taken away.
  isOver = true;
  for (const close of closers) close();
  await org.stop();
});

/** A streaming client with what it has received. */
class Listener {
  readonly names: unknown[] = [];
  readonly incoming: Message[] = [];
  readonly states: string[] = [];
  readonly client: ReturnType<InstanceType<typeof Streaming>["createClient"]>;
  #wake: () => void = () => undefined;

  constructor(extensions: Extension[] = []) {
    const watch: Extension = {
      incoming: (message, callback) => {
        this.incoming.push(message);
        callback(message);
        this.#wake();
      },
      outgoing: (message, callback) => callback(isOver ? null : message),
    };
    this.client = new Streaming(conn as never).createClient([watch, ...extensions]);
    for (const state of ["transport:down", "transport:up"])
      this.client.on(state, () => {
        this.states.push(state);
        this.#wake();
      });
    const { _dispatcher } = this.client as unknown as { _dispatcher: { close(): void } };
    closers.push(() => _dispatcher.close());
  }

  subscribe(channel = ACCOUNTS) {
    return this.client.subscribe(channel, (data: { payload: { Name: unknown } }) => {
      this.names.push(data.payload.Name);
      this.#wake();
    });
  }

  /** Resolves once the condition holds; looked at whenever something happens. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition())
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
  }

  received(...names: string[]): Promise<void> {
    return this.until(() => this.names.length >= names.length).then(() => expect(this.names).toEqual(names));
  }

  count(channel: string): number {
    return this.incoming.filter((message) => message.channel === channel).length;
  }

  /** Resolves after that many more connects were answered. */
  polls(more: number): Promise<void> {
    const before = this.count("/meta/connect");
    return this.until(() => this.count("/meta/connect") >= before + more);
  }
}

const create = async (Name: string) => void (await conn.sobject("Account").create({ Name }));
const replay = (replayId: number, channel = ACCOUNTS) => new StreamingExtension.Replay(channel, replayId) as Extension;
const cometdCalls = () => org.calls.report().routes["POST /cometd/66.0"]?.calls ?? 0;

describe("events", () => {
  test("come from a position on, and then as they happen", async () => {
    for (const name of ["1", "2"]) await create(name);
    const listener = new Listener([replay(-2)]);
    await listener.subscribe();
    await listener.received("1", "2");
    await create("3");
    await listener.received("1", "2", "3");
    const last = listener.incoming.filter(({ channel }) => channel === ACCOUNTS).at(-1) as unknown as {
      data: { schema: string; event: { replayId: number }; payload: { ChangeEventHeader: { entityName: string } } };
    };
    expect(last.data).toMatchObject({
      schema: expect.stringMatching(/^[\w-]{22}$/),
      event: { replayId: expect.any(Number) },
      payload: { ChangeEventHeader: { entityName: "Account", changedFields: [] } },
    });
    const after = new Listener([replay(last.data.event.replayId)]);
    await after.subscribe();
    await create("4");
    await after.received("4");
  });

  test("are new ones only without a position", async () => {
    await create("old");
    const listener = new Listener();
    await listener.subscribe();
    await create("new");
    await listener.received("new");
  });
});

describe("the client is unknown", () => {
  test("with the advice to shake hands it comes back by itself at the event that it saw last", async () => {
    const listener = new Listener([replay(-1)]);
    await listener.subscribe();
    await create("1");
    await listener.received("1");
    await control(org.url, "POST", "cometd/forget");
    await create("2");
    await listener.received("1", "2");
    expect(listener.count("/meta/handshake")).toBe(2);
  });

  test("when its position has become invalid meanwhile it polls on and hears nothing, ever", async () => {
    const listener = new Listener([replay(-1)]);
    await listener.subscribe();
    await create("1");
    await listener.received("1");
    await control(org.url, "POST", "replay/invalidate");
    await listener.until(() => listener.count("/meta/subscribe") >= 2);
    await create("2");
    await listener.polls(2);
    expect(listener.names).toEqual(["1"]);
    expect(listener.incoming.filter(({ channel }) => channel === "/meta/subscribe").at(-1)).toMatchObject({
      successful: false,
      error: expect.stringMatching(
        /^400::The replayId \{\d+\} you provided was invalid. {2}Please provide a valid ID, -2/,
      ),
    });
  });
});

test("an invalid position in the first subscription rejects it, and the client polls on", async () => {
  const listener = new Listener([replay(1)]);
  await expect(listener.subscribe()).rejects.toMatchObject({
    message: expect.stringContaining("The replayId {1} you provided was invalid.  Please provide a valid ID"),
  });
  await listener.polls(2);
});

describe("the session has ended", () => {
  test("a connected client stops without a word; only the AuthFailure extension hears of it", async () => {
    const failures: Message[] = [];
    const ext = new StreamingExtension.AuthFailure((message: unknown) => failures.push(message as Message));
    const listener = new Listener([ext as Extension]);
    await listener.subscribe();
    await listener.polls(1);
    await control(org.url, "POST", "tokens/expire");
    conn = await connect(org);
    await create("missed");
    await listener.until(() => failures.length > 0);
    expect(failures).toEqual([
      expect.objectContaining({ error: "401::Authentication invalid", advice: { reconnect: "none", interval: 0 } }),
    ]);
    const calls = cometdCalls();
    for (let index = 0; index < 20; index += 1) await conn.sobject("Account").create({ Name: String(index) });
    expect([cometdCalls(), listener.names]).toEqual([calls, []]);
  });

  test("at the handshake the subscription never settles", async () => {
    await control(org.url, "POST", "tokens/expire");
    const failures: Message[] = [];
    const ext = new StreamingExtension.AuthFailure((message: unknown) => failures.push(message as Message));
    const listener = new Listener([ext as Extension]);
    let settled = false;
    const settle = () => {
      settled = true;
    };
    listener.subscribe().then(settle, settle);
    await listener.until(() => failures.length > 0);
    conn = await connect(org);
    for (let index = 0; index < 5; index += 1) await create(String(index));
    expect(settled).toBe(false);
    expect(failures[0]).toMatchObject({
      channel: "/meta/handshake",
      error: "403::Handshake denied",
      ext: { sfdc: { failureReason: "401::Authentication invalid" } },
    });
  });
});

test("a 503 page brings the transport down and up again, and loses nothing", async () => {
  const listener = new Listener([replay(-1)]);
  await listener.subscribe();
  await listener.polls(1);
  org.faults.add({ method: "POST", path: "/cometd/**", status: 503, body: "<html>Server Unavailable</html>" });
  await listener.until(() => listener.states.includes("transport:down"));
  await create("meanwhile");
  await listener.received("meanwhile");
  expect(listener.states).toEqual(["transport:up", "transport:down", "transport:up"]);
});

describe("/meta/disconnect", () => {
  test("with the advice to shake hands again is followed", async () => {
    const listener = new Listener([replay(-1)]);
    await listener.subscribe();
    await create("1");
    await listener.received("1");
    await control(org.url, "POST", "cometd/disconnect");
    await listener.until(() => listener.count("/meta/subscribe") >= 2);
    await create("2");
    await listener.received("1", "2");
    expect(listener.count("/meta/handshake")).toBe(2);
  });

  test("without advice is ignored", async () => {
    const listener = new Listener([replay(-1)]);
    await listener.subscribe();
    await listener.polls(1);
    await control(org.url, "POST", "cometd/disconnect", { withAdvice: false });
    await listener.until(() => listener.count("/meta/disconnect") >= 1);
    await create("1");
    await listener.received("1");
    expect(listener.count("/meta/handshake")).toBe(1);
  });
});

test("of two Replay extensions on one client the last one's channel is the only one that can be subscribed", async () => {
  const listener = new Listener([replay(-2), replay(-2, CONTACTS)]);
  await expect(listener.subscribe(ACCOUNTS)).rejects.toMatchObject({
    message: expect.stringContaining(
      `The replayId for channel {${ACCOUNTS}} wasn't found using the provided replay ID map {{${CONTACTS}=-2}}`,
    ),
  });
  await listener.subscribe(CONTACTS);
});
