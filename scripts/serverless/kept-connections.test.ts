import { createRequire } from "node:module";
import { afterAll, beforeEach, describe, expect, test } from "@jest/globals";
import { type Answer, serve } from "../../shared/testing/server.ts";
import { deployedTemplate, keptConnections } from "./kept-connections.ts";

const framework = createRequire(createRequire(import.meta.url).resolve("serverless/package.json"));
const { CloudFormationClient } = framework("@aws-sdk/client-cloudformation");

let answer: Answer;
const server = await serve(() => answer);
const client = new CloudFormationClient({
  endpoint: server.url,
  region: "us-east-1",
  credentials: { accessKeyId: "test", secretAccessKey: "test" },
  maxAttempts: 1,
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});
beforeEach(() => {
  server.requests.length = 0;
});

const provider = {
  naming: { getStackName: () => "fleet-test" },
  getCloudFormationClient: async () => client,
  getAwsSdkV3Config: async () => ({}),
};

// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_GetTemplate.html
const template = (body: object): Answer => ({
  headers: { "content-type": "text/xml" },
  body:
    '<GetTemplateResponse xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><GetTemplateResult><TemplateBody>' +
    `${JSON.stringify(body).replaceAll("&", "&amp;").replaceAll("<", "&lt;")}</TemplateBody></GetTemplateResult></GetTemplateResponse>`,
});
const refusal = (code: string, message: string): Answer => ({
  status: 400,
  headers: { "content-type": "text/xml" },
  body: `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error></ErrorResponse>`,
});

describe("the deployed template", () => {
  test("is asked of CloudFormation as it was given", async () => {
    const Resources = { Secret: { Type: "AWS::SecretsManager::Secret" } };
    answer = template({ Resources });
    expect(await deployedTemplate(provider)).toEqual({ Resources });
    const form = new URLSearchParams(server.requests[0]?.body);
    expect(Object.fromEntries(form)).toMatchObject({
      Action: "GetTemplate",
      StackName: "fleet-test",
      TemplateStage: "Original",
    });
  });

  test("of a stack that is not there yet has nothing", async () => {
    answer = refusal("ValidationError", "Stack with id fleet-test does not exist");
    expect(await deployedTemplate(provider)).toEqual({});
  });

  test("that cannot be read stops the deploy, with the permission that is missing", async () => {
    answer = refusal("AccessDenied", "User is not authorized to perform: cloudformation:GetTemplate");
    await expect(deployedTemplate(provider)).rejects.toThrow(
      /^The deployed template of .*cloudformation:GetTemplate\.$/,
    );
  });
});

describe("connections of the deployed template", () => {
  const secret = { Type: "AWS::SecretsManager::Secret", Properties: { Name: "fleet/test/stripe" } };

  test("stay for one deploy, which says that they are not to be deleted", () => {
    const other = { Type: "AWS::SQS::Queue" };
    expect(keptConnections({ StripeConnection: secret, other })).toEqual({
      StripeConnection: { ...secret, DeletionPolicy: "Retain", UpdateReplacePolicy: "Retain" },
    });
  });

  test("are let go by the next one", () => {
    expect(keptConnections(keptConnections({ StripeConnection: secret }))).toEqual({});
  });
});
