import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import type { SalesforceEmulator } from "../emulator.ts";
import { tokenOf } from "../pubsub/testing.ts";
import { connect, control, startTestOrg } from "../testing.ts";

// The protocol itself, without a library: what clients other than jsforce's meet.
// https://developer.salesforce.com/docs/atlas.en-us.api_streaming.meta/api_streaming/streaming_error_codes.htm
const ACCOUNTS = "/data/AccountChangeEvent";
let org: SalesforceEmulator;
let token: string;
let cookie: string | undefined;
beforeEach(async () => {
  org = await startTestOrg({ cometdTimes: { timeoutMs: 300 } });
  token = await tokenOf(org);
  cookie = undefined;
});
afterEach(() => org.stop());

type Answer = Record<string, unknown>;
async function send(body: unknown, path = "/cometd/66.0"): Promise<{ status: number; answers: Answer[] }> {
  const response = await fetch(`${org.url}${path}`, {
    method: "POST",
    headers: { authorization: `OAuth ${token}`, "content-type": "application/json", ...(cookie ? { cookie } : {}) },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  cookie ??= response.headers.getSetCookie()[0]?.split(";")[0];
  const text = await response.text();
  return { status: response.status, answers: response.ok ? JSON.parse(text) : [] };
}
const handshake = async () => {
  const message = { channel: "/meta/handshake", id: "1", version: "1.0", supportedConnectionTypes: ["long-polling"] };
  const [answer] = (await send([message])).answers;
  return answer ?? {};
};
const connecting = (clientId: unknown, more: object = {}) => ({
  channel: "/meta/connect",
  clientId,
  connectionType: "long-polling",
  id: "c",
  ...more,
});
const subscribing = (clientId: unknown, subscription = ACCOUNTS) => ({
  channel: "/meta/subscribe",
  clientId,
  subscription,
  id: "s",
  ext: { replay: { [subscription]: -2 } },
});

describe("a client", () => {
  test("shakes hands, is advised in its first connect at once, and then is held until there is an event", async () => {
    const { clientId, ...rest } = await handshake();
    expect(rest).toEqual({
      ext: { replay: true, "payload.format": true },
      minimumVersion: "1.0",
      supportedConnectionTypes: ["long-polling"],
      channel: "/meta/handshake",
      id: "1",
      version: "1.0",
      successful: true,
    });
    const first = await send([connecting(clientId, { advice: { timeout: 0 } }), subscribing(clientId)]);
    expect(first.answers).toEqual([
      { clientId, channel: "/meta/subscribe", id: "s", subscription: ACCOUNTS, successful: true },
      {
        clientId,
        channel: "/meta/connect",
        id: "c",
        advice: { interval: 2000, timeout: 300, reconnect: "retry" },
        successful: true,
      },
    ]);
    const held = send(connecting(clientId), "/cometd/66.0/connect");
    await (await connect(org)).sobject("Account").create({ Name: "A" });
    const { answers } = await held;
    expect(answers.map(({ channel }) => channel)).toEqual([ACCOUNTS, "/meta/connect"]);
    expect((await send([connecting(clientId)])).answers).toEqual([expect.objectContaining({ successful: true })]);
  });

  test("that connects twice has its older connect answered", async () => {
    const { clientId } = await handshake();
    await send([connecting(clientId, { advice: { timeout: 0 } })]);
    const older = send([connecting(clientId, { id: "old" })]);
    const newer = send([connecting(clientId, { id: "new" })]);
    const ids = (await Promise.all([older, newer])).map(({ answers }) => answers[0]);
    expect(ids).toEqual([
      expect.objectContaining({ id: "old", successful: true }),
      expect.objectContaining({ id: "new", successful: true }),
    ]);
  });

  test("leaves, and is unknown from then on", async () => {
    const { clientId } = await handshake();
    const leaving = { channel: "/meta/disconnect", clientId, id: "d" };
    expect((await send([leaving])).answers).toEqual([{ ...leaving, successful: true }]);
    expect((await send([connecting(clientId)])).answers).toEqual([
      {
        clientId,
        channel: "/meta/connect",
        id: "c",
        error: "403::Unknown client",
        successful: false,
        advice: { interval: 0, reconnect: "handshake" },
      },
    ]);
  });

  test("that stays away for longer than 40 seconds is forgotten", async () => {
    const { clientId } = await handshake();
    await control(org.url, "POST", "clock", { advanceMs: 41_000 });
    expect((await send([connecting(clientId)])).answers[0]?.error).toBe("403::Unknown client");
  });

  test("unsubscribes, and cannot publish", async () => {
    const { clientId } = await handshake();
    await send([subscribing(clientId)]);
    const leaving = { channel: "/meta/unsubscribe", clientId, subscription: ACCOUNTS, id: "u" };
    expect((await send([leaving])).answers).toEqual([{ ...leaving, successful: true }]);
    const published = { channel: ACCOUNTS, clientId, data: {} };
    expect((await send([published])).answers[0]).toMatchObject({ successful: false, error: "403::Publish denied" });
  });
});

describe("refused are", () => {
  test("requests without the cookie, that are too long, or that are no messages", async () => {
    const { clientId } = await handshake();
    cookie = "other=1";
    expect((await send([connecting(clientId)])).status).toBe(400);
    expect((await send(`[${" ".repeat(33_000)}]`)).status).toBe(413);
    for (const body of ["{oops", "7", '[{"id":"1"}]']) expect((await send(body)).status).toBe(400);
    const upgrade = { authorization: `OAuth ${token}` };
    expect((await fetch(`${org.url}/cometd/66.0`, { headers: upgrade })).status).toBe(400);
  });

  test("channels that the org does not have", async () => {
    const { clientId } = await handshake();
    expect((await send([subscribing(clientId, "/topic/X")])).answers[0]).toMatchObject({ successful: false });
  });

  test("connects when the day's deliveries are used up", async () => {
    const { clientId } = await handshake();
    await control(org.url, "POST", "limits", { deliveries: { used: 5, max: 5 } });
    expect((await send([connecting(clientId)])).answers[0]).toMatchObject({
      error: "403::Organization total events daily limit exceeded",
      advice: { reconnect: "none", interval: 0 },
    });
  });
});

describe("faults", () => {
  const arm = (fault: object) => control(org.url, "POST", "cometd/faults", fault);

  test("busy denies the next handshake", async () => {
    await arm({ kind: "busy" });
    expect(await handshake()).toMatchObject({
      successful: false,
      error: "403::Handshake denied",
      ext: { sfdc: { failureReason: "503::Server is too busy. Please try your request again later." } },
    });
    expect((await handshake()).successful).toBe(true);
  });

  test("unauthorized ends a connect, duplicate sends events twice", async () => {
    const { clientId } = await handshake();
    await send([subscribing(clientId)]);
    await arm({ kind: "unauthorized" });
    expect((await send([connecting(clientId)])).answers[0]?.error).toBe("401::Authentication invalid");
    await arm({ kind: "duplicate" });
    await (await connect(org)).sobject("Account").create({ Name: "A" });
    const { answers } = await send([connecting(clientId)]);
    expect(answers.map(({ channel }) => channel)).toEqual([ACCOUNTS, ACCOUNTS, "/meta/connect"]);
  });
});
