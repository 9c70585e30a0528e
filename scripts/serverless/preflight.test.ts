import { expect, test } from "@jest/globals";
import { preflight } from "./preflight.ts";

const RELAY = "aws.partner/salesforce.com/00D5f0000000001EAA/0YL5f0000000001GAA";
const DEPLOY = {
  ...{ isDeploy: true, stage: "prod", params: { default: { salesforceEventSource: RELAY } }, commandLine: [] },
  accountId: async () => "123456789012",
};
const failing = (error: object) => () => Promise.reject(Object.assign(new Error("of the SDK"), error));

test("what is right can begin", async () => {
  await expect(preflight(DEPLOY)).resolves.toEqual([]);
});

test.each(["a-stage-of-21-letters", "1st", "a_b", ""])("a stage that is called '%s' is refused", async (stage) => {
  await expect(preflight({ ...DEPLOY, stage })).resolves.toEqual([
    `Stage '${stage}' cannot be part of AWS's names: use 1 to 20 letters, digits and hyphens, a letter first.`,
  ]);
});

test("a deploy needs the real event source", async () => {
  const params = { default: { salesforceEventSource: "aws.partner/salesforce.com/EXAMPLE/EXAMPLE" } };
  await expect(preflight({ ...DEPLOY, params })).resolves.toEqual([
    expect.stringMatching(
      /^Deploying needs the name of your Salesforce event source: copy it from Salesforce Setup > .* --param='salesforceEventSource=aws\.partner\/salesforce\.com\/…'\.$/,
    ),
  ]);
  await expect(preflight({ ...DEPLOY, params, isDeploy: false })).resolves.toEqual([]);
});

test.each([
  [
    "none",
    { code: "AWS_CREDENTIALS_NOT_FOUND" },
    "Deploying needs AWS credentials, and there are none: set AWS_PROFILE",
  ],
  ["none of a profile", { name: "CredentialsProviderError" }, "Deploying needs AWS credentials, and there are none"],
  [
    "those that have ended",
    { name: "ExpiredToken", $metadata: { httpStatusCode: 403 } },
    "AWS does not accept the credentials (ExpiredToken): renew them",
  ],
])("a deploy needs credentials that AWS accepts: %s", async (_which, error, sentence) => {
  await expect(preflight({ ...DEPLOY, accountId: failing(error) })).resolves.toEqual([
    expect.stringContaining(sentence),
  ]);
  await expect(preflight({ ...DEPLOY, accountId: failing(error), isDeploy: false })).resolves.toEqual([]);
});

test.each([{ code: "ENOTFOUND" }, { name: "ServiceUnavailable", $metadata: { httpStatusCode: 503 } }])(
  "%j says nothing about the credentials",
  async (error) => {
    await expect(preflight({ ...DEPLOY, accountId: failing(error) })).resolves.toEqual([]);
  },
);
