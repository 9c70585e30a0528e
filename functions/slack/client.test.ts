import { describe, expect, test } from "@jest/globals";
import { FleetError } from "#shared/errors.ts";
import { type Answer, serve, type TestServer } from "#shared/testing/server.ts";
import { createSlack } from "./client.ts";
import type { Message } from "./digest.ts";

const MESSAGE: Message = {
  text: "1 change synced",
  blocks: [{ type: "section", text: { type: "mrkdwn", text: "*1 change synced*" } }],
};

const slackAt = ({ url }: Pick<TestServer, "url">) =>
  createSlack(async () => ({ token: "xoxb-1", apiUrl: `${url}/api/`, channel: "C1" }));

describe("post", () => {
  test("posts text and blocks to the connection's channel", async () => {
    await using server = await serve(() => ({ body: { ok: true, ts: "1.2" } }));
    await slackAt(server).post(MESSAGE);
    expect(server.requests).toHaveLength(1);
    expect(server.requests[0]).toMatchObject({
      url: "/api/chat.postMessage",
      headers: { authorization: "Bearer xoxb-1" },
    });
    const form = new URLSearchParams(server.requests[0]?.body);
    expect(form.get("channel")).toBe("C1");
    expect(form.get("text")).toBe(MESSAGE.text);
    expect(JSON.parse(form.get("blocks") ?? "")).toEqual(MESSAGE.blocks);
  });

  test("reads a rotated token again once", async () => {
    await using server = await serve(({ headers }) => ({
      body: headers.authorization === "Bearer new" ? { ok: true } : { ok: false, error: "token_revoked" },
    }));
    const connection = { apiUrl: `${server.url}/api/`, channel: "C1" };
    await createSlack(async ({ forceFetch }) => ({ ...connection, token: forceFetch ? "new" : "old" })).post(MESSAGE);
    expect(server.requests).toHaveLength(2);
  });
});

// https://docs.slack.dev/reference/methods/chat.postMessage#errors and https://docs.slack.dev/apis/web-api/rate-limits
describe("failures, each after one request", () => {
  test.each<[Answer, string, number | undefined]>([
    [
      { status: 429, headers: { "retry-after": "12" }, body: { ok: false, error: "ratelimited" } },
      "RateLimitedError",
      12,
    ],
    [{ status: 429, body: "" }, "RateLimitedError", 30],
    [{ body: { ok: false, error: "ratelimited" } }, "RateLimitedError", 30],
    [{ body: { ok: false, error: "invalid_auth" } }, "NotAuthorizedError", undefined],
    [{ body: { ok: false, error: "missing_scope", needed: "chat:write" } }, "NotAuthorizedError", undefined],
    [{ body: { ok: false, error: "channel_not_found" } }, "RejectedByTargetError", undefined],
    [{ body: { ok: false, error: "invalid_blocks" } }, "RejectedByTargetError", undefined],
    [{ body: { ok: false, error: "internal_error" } }, "TransientError", undefined],
    [{ status: 500, body: "oops" }, "TransientError", undefined],
    [{ status: 503, body: "<html>" }, "TransientError", undefined],
    [{ status: 404, body: "no" }, "RejectedByTargetError", undefined],
    ["reset", "TransientError", undefined],
  ])("%j is %s", async (answer, name, retryAfterSeconds) => {
    await using server = await serve(() => answer);
    const error = await failureOf(server);
    expect(error.name).toBe(name);
    expect((error as { retryAfterSeconds?: number }).retryAfterSeconds).toBe(retryAfterSeconds);
    expect(server.requests).toHaveLength(1);
  });

  test("an unreachable Slack is TransientError", async () => {
    expect((await failureOf({ url: "http://127.0.0.1:1" })).name).toBe("TransientError");
  });

  async function failureOf(server: Pick<TestServer, "url">): Promise<FleetError> {
    const error = await slackAt(server)
      .post(MESSAGE)
      .then(() => undefined)
      .catch((failed) => failed);
    if (error instanceof FleetError) return error;
    throw new Error(`expected one of our errors, got ${error}`);
  }
});
