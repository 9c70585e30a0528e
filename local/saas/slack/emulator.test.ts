import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { LogLevel, WebClient, type WebClientOptions } from "@slack/web-api";
import { control } from "../salesforce/testing.ts";
import { type SlackEmulator, startSlack } from "./emulator.ts";

let slack: SlackEmulator;
const client = (options: WebClientOptions = {}, emulator = slack) => {
  const { token, apiUrl } = emulator.connection();
  return new WebClient(token, {
    slackApiUrl: apiUrl,
    retryConfig: { retries: 0 },
    rejectRateLimitedCalls: true,
    logLevel: LogLevel.ERROR,
    ...options,
  });
};
const texts = async (emulator = slack) => {
  const { messages } = await client({}, emulator).conversations.history({ channel: emulator.channelId });
  return messages?.map((message) => message.text);
};

beforeAll(async () => {
  slack = await startSlack({ port: 0 });
});
beforeEach(() => slack.reset());
afterAll(() => slack.stop());

describe("the unmodified client", () => {
  test("posts to the channel, and reads it back newest first", async () => {
    const blocks = [{ type: "section", text: { type: "mrkdwn", text: "*Acme*" } }];
    const posted = await client().chat.postMessage({ channel: slack.channelId, text: "one", blocks });
    expect(posted).toMatchObject({ ok: true, channel: slack.channelId, message: { text: "one", blocks } });
    await client().chat.postMessage({ channel: slack.channelId, text: "two" });
    expect(await texts()).toEqual(["two", "one"]);
  });

  test("knows the bot and the channel's name", async () => {
    expect(await client().auth.test()).toMatchObject({ user: "connector-fleet", bot_id: "B0FLEET001" });
    const { channels } = await client().conversations.list();
    expect(channels?.find((channel) => channel.id === slack.channelId)?.name).toBe("customer-sync");
  });

  test("is answered over GET with a query too", async () => {
    await client().chat.postMessage({ channel: slack.channelId, text: "one" });
    const { token, apiUrl, channel } = slack.connection();
    const response = await fetch(new URL(`conversations.history?channel=${channel}`, apiUrl), {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(await response.json()).toMatchObject({ ok: true, messages: [{ text: "one" }] });
  });

  test("refuses a wrong token and a missing scope", async () => {
    const stranger = new WebClient("xoxb-wrong", { slackApiUrl: slack.connection().apiUrl });
    await expect(stranger.chat.postMessage({ channel: slack.channelId, text: "x" })).rejects.toMatchObject({
      data: { ok: false, error: "invalid_auth" },
    });
    await expect(client().conversations.create({ name: "x" })).rejects.toMatchObject({
      data: { error: "missing_scope" },
    });
  });
});

describe("sizes", () => {
  const section = (length: number) => ({ type: "section", text: { type: "mrkdwn", text: "x".repeat(length) } });
  const post = (blocks: ReturnType<typeof section>[], text = "x") =>
    client().chat.postMessage({ channel: slack.channelId, text, blocks });

  // https://docs.slack.dev/reference/block-kit/blocks and https://github.com/slackapi/bolt-js/issues/2509
  test.each([
    ["invalid_blocks", Array.from({ length: 51 }, () => section(1))],
    ["invalid_blocks", [section(3_001)]],
    ["invalid_blocks", [section(0)]],
    ["msg_blocks_too_long", Array.from({ length: 5 }, () => section(2_600))],
  ])("refuses with %s", async (error, blocks) => {
    await expect(post(blocks)).rejects.toMatchObject({ data: { error } });
    expect(await texts()).toEqual([]);
  });

  test("refuses a text that is too long, and takes what just fits", async () => {
    await expect(post([], "x".repeat(40_001))).rejects.toMatchObject({ data: { error: "msg_too_long" } });
    await post(Array.from({ length: 5 }, () => section(2_500)));
    await post(Array.from({ length: 50 }, () => section(100)));
    expect(await texts()).toHaveLength(2);
  });
});

// https://docs.slack.dev/apis/web-api/rate-limits
describe("faults", () => {
  const post = (options: WebClientOptions = {}) =>
    client(options).chat.postMessage({ channel: slack.channelId, text: "x" });
  const fault = (rule: object) => control(slack.url, "POST", "faults", { path: "/api/chat.postMessage", ...rule });

  test("429 with Retry-After, then the message goes through", async () => {
    await fault({ error: "rateLimited" });
    await expect(post()).rejects.toMatchObject({ code: "slack_webapi_rate_limited_error", retryAfter: 1 });
    await post();
    expect(await texts()).toEqual(["x"]);
  });

  test("ok:false, 500 and free statuses", async () => {
    await fault({ error: "channelNotFound" });
    await expect(post()).rejects.toMatchObject({ data: { error: "channel_not_found" } });
    await fault({ error: "internalError" });
    await expect(post()).rejects.toMatchObject({ code: expect.stringMatching(/http_error|request_error/) });
    await fault({ status: 200, body: { ok: false, error: "restricted_action" } });
    await expect(post()).rejects.toMatchObject({ data: { error: "restricted_action" } });
    expect(await texts()).toEqual([]);
  });

  test("a timeout after success leaves the message there", async () => {
    await fault({ error: "timeoutAfterSuccess" });
    await expect(post({ timeout: 1000 })).rejects.toMatchObject({ code: "slack_webapi_request_error" });
    expect(await texts()).toEqual(["x"]);
  });
});

test("messages, their ids and the token outlive a restart", async () => {
  const stateDir = await mkdtemp(join(tmpdir(), "saas-"));
  const first = await startSlack({ port: 0, stateDir });
  const posted = await client({}, first).chat.postMessage({ channel: first.channelId, text: "kept" });
  await first.stop();
  const second = await startSlack({ port: 0, stateDir });
  expect(second.token).toBe(first.token);
  const ts = String(posted.ts);
  await client({}, second).chat.update({ channel: second.channelId, ts, text: "changed" });
  const { messages } = await client({}, second).conversations.history({ channel: second.channelId });
  expect(messages).toEqual([expect.objectContaining({ text: "changed", ts })]);
  await second.stop();
  const third = await startSlack({ port: 0, stateDir });
  expect(await texts(third)).toEqual(["changed"]);
  await third.stop();
  await rm(stateDir, { recursive: true });
});

test("one port is opened, that of our front: `emulate`'s own server lets every page read it", async () => {
  const ports = () => process.getActiveResourcesInfo().filter((name) => name === "TCPServerWrap").length;
  const before = ports();
  const another = await startSlack({ port: 0 });
  expect(ports()).toBe(before + 1);
  await another.stop();
});

test("no connection to `emulate`'s own server outlives its call, where the server might close it under the next one", async () => {
  const pipes = () => process.getActiveResourcesInfo().filter((name) => name === "PipeWrap").length;
  const before = pipes();
  const another = await startSlack({ port: 0 });
  await client({}, another).auth.test();
  for (let turn = 0; turn < 100 && pipes() > before; turn += 1) await new Promise(setImmediate);
  const after = pipes();
  await another.stop();
  expect(after).toBe(before);
});
