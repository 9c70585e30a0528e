import { createVerify, generateKeyPairSync } from "node:crypto";
import { describe, expect, test } from "@jest/globals";
import { ACCOUNT, account } from "../testing.ts";
import { clientBy, clientOf, connectionOf, problem, startOrg, type TestOrg } from "./testing.ts";

const FIELDS = ["Id", "Name"];

describe("a session", () => {
  test("with client credentials", async () => {
    await using server = await startOrg(() => ({ body: [null] }));
    await clientOf(server).readRecords("Account", [ACCOUNT], FIELDS);
    expect(Object.fromEntries(new URLSearchParams(server.requests[0]?.body))).toEqual({
      grant_type: "client_credentials",
      client_id: "id",
      client_secret: "secret",
    });
  });

  test("with a signed JWT whose audience is the login URL", async () => {
    const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    await using server = await startOrg(() => ({ body: [null] }));
    const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    const user = { clientSecret: undefined, username: "robot@acme.example", privateKey: pem };
    const jwt = connectionOf(server.url, user);
    await clientBy(async () => jwt).readRecords("Account", [ACCOUNT], FIELDS);
    const form = new URLSearchParams(server.requests[0]?.body);
    expect(form.get("grant_type")).toBe("urn:ietf:params:oauth:grant-type:jwt-bearer");
    const [head = "", claims = "", signature = ""] = (form.get("assertion") ?? "").split(".");
    expect(createVerify("RSA-SHA256").update(`${head}.${claims}`).verify(publicKey, signature, "base64url")).toBe(true);
    const decoded = JSON.parse(Buffer.from(claims, "base64url").toString());
    expect(decoded).toMatchObject({ iss: "id", sub: "robot@acme.example", aud: server.url });
    expect(decoded.exp - Date.now() / 1000).toBeLessThanOrEqual(180);
  });

  test("a private key that is none is NotAuthorizedError without the key", async () => {
    const user = { clientSecret: undefined, username: "u", privateKey: "-----SECRET" };
    const salesforce = clientBy(async () => connectionOf("http://127.0.0.1:1", user));
    const error = await salesforce.readRecords("Account", [ACCOUNT], FIELDS).catch((failure) => failure);
    expect(error).toMatchObject({ name: "NotAuthorizedError", code: "BAD_PRIVATE_KEY" });
    expect(JSON.stringify([error.message, error.cause])).not.toContain("SECRET");
  });

  test("an expired session is renewed once, with freshly read credentials", async () => {
    await using server = await startOrg(({ headers }) =>
      headers.authorization === "Bearer token-1" ? problem(401, "INVALID_SESSION_ID") : { body: [account(ACCOUNT)] },
    );
    const forced: boolean[] = [];
    const salesforce = clientBy(async ({ forceFetch }) => {
      forced.push(forceFetch);
      return connectionOf(server.url);
    });
    expect((await salesforce.readRecords("Account", [ACCOUNT], FIELDS)).size).toBe(1);
    expect(forced).toEqual([false, true]);
    expect(server.requests).toHaveLength(4);
  });

  test("that is refused again ends after one renewal", async () => {
    await using server = await startOrg(() => problem(401, "INVALID_SESSION_ID"));
    const reading = clientOf(server).readRecords("Account", [ACCOUNT], FIELDS);
    await expect(reading).rejects.toMatchObject({ name: "TransientError", code: "INVALID_SESSION_ID" });
    expect([server.tokens().length, server.calls().length]).toEqual([2, 2]);
  });

  test.each(["INVALID_AUTH_HEADER", "INVALID_JWT_FORMAT", "A_CODE_OF_TOMORROW"])(
    "refused with 401 and %s is renewed as well",
    async (code) => {
      await using server = await startOrg(({ headers }) =>
        headers.authorization === "Bearer token-1" ? problem(401, code) : { body: [account(ACCOUNT)] },
      );
      const salesforce = clientOf(server);
      for (const _read of [1, 2]) expect((await salesforce.readRecords("Account", [ACCOUNT], FIELDS)).size).toBe(1);
      expect([server.tokens().length, server.calls().length]).toEqual([2, 3]);
    },
  );

  test("that was refused twice is not kept: the next call begins with a new one", async () => {
    await using server = await startOrg(({ headers }) =>
      /token-[12]$/.test(headers.authorization ?? "")
        ? problem(401, "INVALID_AUTH_HEADER")
        : { body: [account(ACCOUNT)] },
    );
    const salesforce = clientOf(server);
    const read = () => salesforce.readRecords("Account", [ACCOUNT], FIELDS);
    await expect(read()).rejects.toMatchObject({ name: "TransientError", code: "INVALID_AUTH_HEADER" });
    expect((await read()).size).toBe(1);
    expect([server.tokens().length, server.calls().length]).toEqual([3, 3]);
  });

  test("that could not be opened for a moment is opened by the next call", async () => {
    const answers = [{ status: 400, body: { error: "unknown_error", error_description: "retry your request" } }];
    await using server: TestOrg = await startOrg(
      () => ({ body: [account(ACCOUNT)] }),
      () => answers.pop() ?? { body: { access_token: "token", instance_url: server.url } },
    );
    const salesforce = clientOf(server);
    const read = () => salesforce.readRecords("Account", [ACCOUNT], FIELDS);
    await expect(read()).rejects.toMatchObject({ name: "TransientError", code: "unknown_error" });
    expect((await read()).size).toBe(1);
  });

  test("refused credentials are read again once: they may have been rotated", async () => {
    const refusal = { error: "invalid_client", error_description: "invalid client credentials" };
    await using server = await startOrg(
      () => ({ body: [null] }),
      () => ({ status: 400, body: refusal }),
    );
    const reading = clientOf(server).readRecords("Account", [ACCOUNT], FIELDS);
    await expect(reading).rejects.toMatchObject({ name: "NotAuthorizedError", code: "invalid_client" });
    expect([server.tokens().length, server.calls().length]).toEqual([2, 0]);
  });

  test("a failed opening is not kept", async () => {
    let down = true;
    await using server = await startOrg(() => ({ body: [null] }));
    const salesforce = clientBy(async () => (down ? connectionOf("http://127.0.0.1:1") : connectionOf(server.url)));
    await expect(salesforce.readRecords("Account", [ACCOUNT], FIELDS)).rejects.toMatchObject({
      name: "TransientError",
    });
    down = false;
    expect(await salesforce.readRecords("Account", [ACCOUNT], FIELDS)).toEqual(new Map());
  });

  test("is kept: calls later, and at the same time, share one", async () => {
    await using server = await startOrg(() => ({ body: [null] }));
    const salesforce = clientOf(server);
    const read = () => salesforce.readRecords("Account", [ACCOUNT], FIELDS);
    await Promise.all([read(), read(), read()]);
    await read();
    expect(await salesforce.session()).toEqual({ accessToken: "token-1", instanceUrl: server.url });
    expect(server.tokens()).toHaveLength(1);
  });

  test("calls at the same time renew it together", async () => {
    await using server = await startOrg(({ headers }) =>
      headers.authorization === "Bearer token-1" ? problem(401, "INVALID_SESSION_ID") : { body: [null] },
    );
    const salesforce = clientOf(server);
    await salesforce.session();
    await Promise.all([1, 2, 3].map(() => salesforce.readRecords("Account", [ACCOUNT], FIELDS)));
    expect(server.tokens()).toHaveLength(2);
  });

  test("a rotated secret is picked up without a deploy", async () => {
    let valid = "secret";
    await using server: TestOrg = await startOrg(
      () => ({ body: [null] }),
      () => {
        const given = new URLSearchParams(server.tokens().at(-1)?.body).get("client_secret");
        return given === valid
          ? { body: { access_token: given, instance_url: server.url } }
          : { status: 400, body: { error: "invalid_client", error_description: "invalid client credentials" } };
      },
    );
    let cached = "secret";
    const salesforce = clientBy(async ({ forceFetch }) => {
      if (forceFetch) cached = valid;
      return connectionOf(server.url, { clientSecret: cached });
    });
    valid = "rotated";
    expect(await salesforce.session()).toMatchObject({ accessToken: "rotated" });
    valid = "rotated again";
    expect(await salesforce.session({ renew: true })).toMatchObject({ accessToken: "rotated again" });
  });

  test("is given to another protocol, and renewed on demand", async () => {
    await using server = await startOrg(() => ({ body: {} }));
    const salesforce = clientOf(server);
    expect((await salesforce.session()).accessToken).toBe("token-1");
    expect((await salesforce.session({ renew: true })).accessToken).toBe("token-2");
    expect((await salesforce.session()).accessToken).toBe("token-2");
  });

  test("outlives connections that are cut now and then", async () => {
    await using server = await startOrg((_, call) => (call % 2 === 0 ? "reset" : { body: [account(ACCOUNT)] }));
    const salesforce = clientOf(server);
    const read = () => salesforce.readRecords("Account", [ACCOUNT], FIELDS);
    for (let pair = 0; pair < 10; pair += 1) {
      expect((await read()).size).toBe(1);
      await expect(read()).rejects.toMatchObject({ code: "UNREACHABLE" });
    }
    expect(server.tokens()).toHaveLength(1);
  });

  test("is opened six times a minute at most, whoever refuses it", async () => {
    let now = 0;
    await using server = await startOrg(() => problem(401, "INVALID_SESSION_ID"));
    const salesforce = clientOf(server, { now: () => now });
    const read = () => salesforce.readRecords("Account", [ACCOUNT], FIELDS);
    for (let call = 0; call < 3; call += 1) await expect(read()).rejects.toMatchObject({ code: "INVALID_SESSION_ID" });
    now = 20_000;
    const limited = { name: "RateLimitedError", code: "TOO_MANY_LOGINS", retryAfterSeconds: 40 };
    await expect(read()).rejects.toMatchObject(limited);
    await expect(salesforce.session({ renew: true })).rejects.toMatchObject(limited);
    expect(server.tokens()).toHaveLength(6);
    now = 61_000;
    await expect(read()).rejects.toMatchObject({ code: "INVALID_SESSION_ID" });
    expect(server.tokens()).toHaveLength(8);
  });
});
