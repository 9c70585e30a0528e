import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { FleetError } from "#shared/errors.ts";
import { ungated } from "#shared/targets/gate.ts";
import { type Answer, serve, type TestServer } from "#shared/testing/server.ts";
import { createSlack } from "./client.ts";
import type { Connect } from "./connection.ts";
import type { Message } from "./digest.ts";
import { SLACK_ERRORS, SLACK_STATUSES } from "./error-codes.ts";

const MESSAGE: Message = {
  text: "1 change synced",
  blocks: [{ type: "section", text: { type: "mrkdwn", text: "*1 change synced*" } }],
};

const slackAt = ({ url }: Pick<TestServer, "url">) =>
  createSlack(async () => ({ token: "xoxb-1", apiUrl: `${url}/api/`, channel: "C1" }), ungated);

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
    const connect: Connect = async ({ forceFetch }) => ({ ...connection, token: forceFetch ? "new" : "old" });
    await createSlack(connect, ungated).post(MESSAGE);
    expect(server.requests).toHaveLength(2);
  });

  test("reads another channel again once", async () => {
    await using server = await serve(({ body }) => ({
      body: body.includes("channel=C2") ? { ok: true } : { ok: false, error: "is_archived" },
    }));
    const connection = { apiUrl: `${server.url}/api/`, token: "xoxb-1" };
    const connect: Connect = async ({ forceFetch }) => ({ ...connection, channel: forceFetch ? "C2" : "C1" });
    await createSlack(connect, ungated).post(MESSAGE);
    expect(server.requests).toHaveLength(2);
  });
});

// https://docs.slack.dev/reference/methods/auth.test and https://docs.slack.dev/reference/methods/conversations.info
describe("a look at a connection", () => {
  const lookAt = async (channel: object, scopes = "chat:write,channels:read") => {
    await using server = await serve(({ url }) => ({
      headers: { "x-oauth-scopes": scopes },
      body: url.endsWith("auth.test") ? { ok: true, team_id: "T1" } : channel,
    }));
    return await slackAt(server).inspect();
  };
  const seen = (channel: object) => ({ ok: true, channel: { id: "C1", ...channel } });

  test("tells the workspace, and that the bot is in the channel", async () => {
    expect(await lookAt(seen({ is_member: true }))).toEqual({ teamId: "T1", isChannelSeen: true });
  });

  test("is content with a scope that posts to every public channel", async () => {
    expect(await lookAt(seen({ is_member: false }), "chat:write,chat:write.public")).toMatchObject({
      isChannelSeen: true,
    });
  });

  test("says when the token may not look at channels", async () => {
    expect(await lookAt({ ok: false, error: "missing_scope", needed: "channels:read" }, "chat:write")).toEqual({
      teamId: "T1",
      isChannelSeen: false,
    });
  });

  test.each<[string, object, string | undefined, string]>([
    ["a bot that is not in the channel", seen({ is_member: false }), undefined, "not_in_channel"],
    ["an archived channel", seen({ is_member: true, is_archived: true }), undefined, "is_archived"],
    ["no such channel", { ok: false, error: "channel_not_found" }, undefined, "channel_not_found"],
    ["a token that may not post", seen({ is_member: true }), "channels:read", "missing_scope"],
  ])("refuses %s", async (_, channel, scopes, code) => {
    await expect(lookAt(channel, scopes)).rejects.toMatchObject({ name: "NotAuthorizedError", code });
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
    [{ body: { ok: false, error: "channel_not_found" } }, "NotAuthorizedError", undefined],
    [{ body: { ok: false, error: "is_archived" } }, "NotAuthorizedError", undefined],
    [{ body: { ok: false, error: "msg_blocks_too_long" } }, "RejectedByTargetError", undefined],
    [{ body: { ok: false, error: "org_login_required" } }, "TransientError", undefined],
    [{ body: { ok: false, error: "message_limit_exceeded" } }, "RateLimitedError", 30],
    [{ body: { ok: false, error: "invalid_blocks" } }, "RejectedByTargetError", undefined],
    [{ body: { ok: false, error: "internal_error" } }, "TransientError", undefined],
    [{ status: 500, body: "oops" }, "TransientError", undefined],
    [{ status: 503, body: "<html>" }, "TransientError", undefined],
    [{ status: 503, headers: { "retry-after": "120" }, body: "<html>" }, "RateLimitedError", 120],
    [{ status: 429, headers: { "retry-after": "12.5" }, body: "" }, "RateLimitedError", 12.5],
    [{ status: 429, headers: { "retry-after": "0" }, body: "" }, "RateLimitedError", 30],
    [{ headers: { "retry-after": "7" }, body: { ok: false, error: "internal_error" } }, "RateLimitedError", 7],
    [{ headers: { "retry-after": "7" }, body: { ok: false, error: "ratelimited" } }, "RateLimitedError", 7],
    [{ headers: { "retry-after": "7" }, body: { ok: false, error: "invalid_auth" } }, "NotAuthorizedError", undefined],
    [{ status: 408, body: "" }, "TransientError", undefined],
    [{ status: 425, body: "" }, "TransientError", undefined],
    [{ status: 302, headers: { location: "https://slack.com" }, body: "" }, "TransientError", undefined],
    [{ status: 200, body: "<html>maintenance</html>" }, "TransientError", undefined],
    [{ status: 200, body: '{"ok":tr' }, "TransientError", undefined],
    [{ status: 200, body: "" }, "TransientError", undefined],
    [{ status: 404, body: "no" }, "TransientError", undefined],
    [{ status: 400, body: { ok: false, error: "invalid_blocks" } }, "RejectedByTargetError", undefined],
    [{ status: 401, body: "<html>" }, "NotAuthorizedError", undefined],
    [{ status: 413, body: "<html>" }, "RejectedByTargetError", undefined],
    [{ body: { ok: false, error: "a_code_of_next_year" } }, "TransientError", undefined],
    [{ body: { ok: false, error: "constructor" } }, "TransientError", undefined],
    [{ body: { ok: false } }, "TransientError", undefined],
    ["reset", "TransientError", undefined],
  ])("%j is %s", async (answer, name, retryAfterSeconds) => {
    await using server = await serve(() => answer);
    const error = await failureOf(server);
    expect(error.name).toBe(name);
    expect((error as { retryAfterSeconds?: number }).retryAfterSeconds).toBe(retryAfterSeconds);
    expect(server.requests).toHaveLength(1);
  });

  test.each([429, 500, 503])("with %i, the date that Slack names is kept to the second", async (status) => {
    const now = Date.parse("2026-01-01T00:00:00Z");
    const headers = { "retry-after": "Thu, 01 Jan 2026 00:02:00 GMT" };
    await using server = await serve(() => ({ status, headers, body: "" }));
    const connection = { token: "xoxb-1", apiUrl: `${server.url}/api/`, channel: "C1" };
    const slack = createSlack(
      async () => connection,
      ungated,
      () => now,
    );
    await expect(slack.post(MESSAGE)).rejects.toMatchObject({ name: "RateLimitedError", retryAfterSeconds: 120 });
  });

  test("never tells the page that came in place of an answer", async () => {
    await using server = await serve(() => ({ body: "<html>someone@acme.example</html>" }));
    const error = await failureOf(server);
    expect(error).toMatchObject({ code: "UNREADABLE_ANSWER", message: "Slack failed: UNREADABLE_ANSWER" });
  });

  test("every status and every code is one of the fleet's errors, and only what is known is final", async () => {
    const known = Object.keys(SLACK_ERRORS);
    const code = fc.oneof(fc.constantFrom(...known), fc.stringMatching(/^[a-z_]{1,30}$/), fc.string());
    const status = fc.oneof(fc.constant(200), fc.integer({ min: 300, max: 599 }));
    let answer: Answer = {};
    await using server = await serve(() => answer);
    await fc.assert(
      fc.asyncProperty(status, code, fc.boolean(), async (n, error, isPage) => {
        answer = { status: n, body: isPage ? error : { ok: false, error } };
        const failed = await failureOf(server);
        const [verdict] = Object.hasOwn(SLACK_ERRORS, error) ? (SLACK_ERRORS[error] ?? []) : [];
        const isFinal = verdict === "connection" || verdict === "message";
        const busy = n >= 500 || n < 200 || [408, 425, 429].includes(n) || (n >= 300 && n < 400);
        if (!failed.retryable) expect(busy).toBe(false);
        if (!failed.retryable && !SLACK_STATUSES[n]) expect(isFinal).toBe(true);
        if (n === 200 && !isPage) expect(failed.retryable).toBe(!isFinal);
        if (n === 429) expect(failed.name).toBe("RateLimitedError");
      }),
      { numRuns: 300 },
    );
  });

  test("every code has its source", () => {
    for (const [code, [, source]] of Object.entries(SLACK_ERRORS)) {
      expect(code).toMatch(/^[a-z_]+$/);
      expect(source).toMatch(/^https:\/\/docs\.slack\.dev\//);
    }
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
