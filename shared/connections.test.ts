import { clearCaches } from "@aws-lambda-powertools/parameters";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { z } from "zod";
import { readConnection } from "./connections.ts";
import { type Answer, serve } from "./testing/server.ts";

const schema = z.object({ apiKey: z.string() });
const secret = (value: unknown): Answer => ({ body: { ARN: "arn", Name: "s", SecretString: JSON.stringify(value) } });
const variables = ["AWS_ENDPOINT_URL_SECRETS_MANAGER", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
const before = variables.map((name) => [name, process.env[name]] as const);
let answer: Answer = secret({});
// One server for the file: the SDK client behind Powertools is made once.
const server = await serve(() => answer);

beforeEach(() => {
  const values = [server.url, "eu-central-1", "test", "test"];
  for (const [index, name] of variables.entries()) process.env[name] = values[index];
  clearCaches();
  server.requests.length = 0;
});

afterEach(() => {
  for (const [name, value] of before)
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

describe("readConnection", () => {
  test("reads the secret once and then from memory, unless told to go past it", async () => {
    answer = secret({ apiKey: "one" });
    expect(await readConnection("stripe", schema)).toEqual({ apiKey: "one" });
    expect(await readConnection("stripe", schema)).toEqual({ apiKey: "one" });
    expect(server.requests).toHaveLength(1);
    expect(JSON.parse(server.requests[0]?.body ?? "")).toMatchObject({ SecretId: "stripe" });
    answer = secret({ apiKey: "two" });
    expect(await readConnection("stripe", schema, { forceFetch: true })).toEqual({ apiKey: "two" });
  });

  test("keeps a secret in memory for five minutes at most, so that a rotated one is picked up", async () => {
    const asked: unknown[] = [];
    const readSecret = async (_id: string, options: object) => {
      asked.push(options);
      return '{"apiKey":"one"}';
    };
    await readConnection("stripe", schema, { readSecret });
    expect(asked).toEqual([{ maxAge: 300, forceFetch: false }]);
  });

  test("names missing members, never the content", async () => {
    answer = secret({ apikey: "sk_secret" });
    const error = await readConnection("stripe", schema).catch((failed) => failed);
    expect(error).toMatchObject({ name: "NotAuthorizedError", code: "BAD_CONNECTION" });
    expect(error.message).toContain("apiKey");
    expect(error.message).not.toContain("sk_secret");
  });

  test("refuses what is not JSON without quoting it", async () => {
    answer = { body: { SecretString: "sk_secret" } };
    const error = await readConnection("stripe", schema).catch((failed) => failed);
    expect(error).toMatchObject({ name: "NotAuthorizedError", message: expect.not.stringContaining("sk_secret") });
  });

  // https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html#API_GetSecretValue_Errors
  test.each([
    ["AccessDeniedException", 400, "NotAuthorizedError"],
    ["ResourceNotFoundException", 400, "NotAuthorizedError"],
    // Scheduled for deletion: a person restores it.
    ["InvalidRequestException", 400, "NotAuthorizedError"],
    ["InternalServiceError", 500, "TransientError"],
  ])("%s is %3$s", async (type, status, name) => {
    answer = { status, body: { __type: type, message: "no" } };
    const error = await readConnection("stripe", schema).catch((failed) => failed);
    expect(error.name).toBe(name);
    expect(error.message).toContain("stripe");
  });
});
