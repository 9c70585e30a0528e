import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { runFleet, runFleetAt, runFleetIn } from "./testing.ts";

/** A home without any setting of AWS, and no machine that could give credentials. */
const home = mkdtempSync(join(tmpdir(), "fleet-home-"));
const BARE = { HOME: home, AWS_EC2_METADATA_DISABLED: "true", AWS_MAX_ATTEMPTS: "1" };
const REMOTE = { ...BARE, AWS_ENDPOINT_URL: "https://aws.invalid" };
const ONE_SENTENCE = /^error: [^\n]+\n$/;

/** Every command that asks AWS, with arguments that need nothing else. */
const COMMANDS = [
  ["status"],
  ["behind"],
  ["parked"],
  ["parked", "show", "abcdef"],
  ["parked", "redrive", "--all"],
  ["trace", "correlation-1"],
  ["doctor"],
  ["sweep"],
  ["catch-up"],
  ["backfill", "status"],
  ["replay", "--from", "1h"],
];

describe("without a way to AWS every command says in one sentence what to do", () => {
  test.each(COMMANDS.map((args) => [args]))("%j without a region", async (args) => {
    const { code, out, err } = await runFleetIn(REMOTE, args);
    expect([code, out]).toEqual([1, ""]);
    expect(err).toMatch(ONE_SENTENCE);
    expect(err).toMatch(/no AWS region is set: give AWS_REGION, .* or start the local fleet with 'npm start'/);
  });

  test.each(COMMANDS.map((args) => [args]))("%j without credentials", async (args) => {
    const { code, out, err } = await runFleetIn({ ...REMOTE, AWS_REGION: "eu-central-1" }, args);
    expect([code, out]).toEqual([1, ""]);
    expect(err).toMatch(ONE_SENTENCE);
    expect(err).toMatch(
      /no AWS credentials that work.*: sign in, choose a profile with AWS_PROFILE, or start the local/,
    );
  });

  test.each(COMMANDS.map((args) => [args]))("%j where nothing listens", async (args) => {
    const { code, out, err } = await runFleetAt("http://127.0.0.1:9", args, BARE);
    expect([code, out]).toEqual([1, ""]);
    expect(err).toMatch(/^error: nothing answers at 127\.0\.0\.1:9: start the local fleet with 'npm start', or unset/);
  });
});

const DENIED =
  "User: arn:aws:iam::123456789012:user/ada is not authorized to perform: dynamodb:Query on resource: " +
  "arn:aws:dynamodb:us-east-1:123456789012:table/connector-fleet-local-parked because no identity-based policy allows it";

test.each([
  ["ExpiredTokenException", "The security token included in the request is expired", /have expired: sign in again/],
  [
    "UnrecognizedClientException",
    "The security token included in the request is invalid.",
    /does not know these credentials: sign in again/,
  ],
  ["ResourceNotFoundException", "no", /is the fleet deployed with this stage\? give another with --stage/],
  ["AccessDeniedException", DENIED, /is not authorized to perform: dynamodb:Query on resource: arn:.*-parked/],
])("an answer of %s is one sentence", async (type, message, sentence) => {
  const { code, out, err } = await runFleet(["parked"], () => ({ status: 400, body: { __type: type, message } }));
  expect([code, out]).toEqual([1, ""]);
  expect(err).toMatch(ONE_SENTENCE);
  expect(err).toMatch(sentence);
});

test("an endpoint on this machine needs neither region nor credentials", async () => {
  const { code, out, requests } = await runFleet(["parked"], () => ({ body: { Items: [] } }), BARE);
  expect([code, out]).toEqual([0, "Nothing is parked.\n"]);
  expect(JSON.parse(requests[0]?.body ?? "")).toMatchObject({ TableName: "connector-fleet-local-parked" });
  expect(requests[0]?.headers.authorization).toMatch(/Credential=local\/\d+\/us-east-1\/dynamodb/);
});

test("what the environment says wins there", async () => {
  const more = { AWS_REGION: "eu-west-1", AWS_ACCESS_KEY_ID: "mine", AWS_SECRET_ACCESS_KEY: "secret" };
  const { requests } = await runFleet(["parked", "--stage", "prod"], () => ({ body: { Items: [] } }), more);
  expect(JSON.parse(requests[0]?.body ?? "")).toMatchObject({ TableName: "connector-fleet-prod-parked" });
  expect(requests[0]?.headers.authorization).toMatch(/Credential=mine\/\d+\/eu-west-1\/dynamodb/);
});
