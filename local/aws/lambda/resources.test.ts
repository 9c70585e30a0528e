import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { createIdentities } from "../iam/index.ts";
import { createClock } from "../kernel/clock.ts";
import { Kernel } from "../kernel/kernel.ts";
import type { Principal } from "../kernel/service.ts";
import { createHarness, functionProperties, type Harness } from "./harness.ts";
import { createLambda } from "./index.ts";

const ARN = "arn:aws:lambda:us-east-1:123456789012:function:fn";
const SOURCE = "export const handler = async (event, { functionVersion }) => functionVersion";

let twin: Harness;
beforeEach(() => {
  twin = createHarness();
});
afterEach(() => twin.stop());

describe("AWS::Lambda::Function", () => {
  test("gives its name and ARN, and a name of its own when the template has none", async () => {
    expect(await twin.deployFunction("fn", SOURCE)).toEqual({ ref: "fn", attributes: { Arn: ARN } });
    const { FunctionName, ...unnamed } = functionProperties("", SOURCE);
    const { ref } = await twin.deploy("AWS::Lambda::Function", unnamed, "Capture");
    expect(ref).toMatch(/^test-Capture-[0-9A-F]{12}$/);
    expect(FunctionName).toBe("");
  });

  test.each([
    ["Layers", { Layers: ["arn:aws:lambda:us-east-1:1:layer:x:1"] }, /Resource|bundle/],
    ["a VPC", { VpcConfig: { SubnetIds: ["subnet-1"] } }, /VpcConfig: the twin has no network/],
    ["another runtime", { Runtime: "python3.13" }, /Runtime: the twin runs Node.js only/],
    ["a missing package", { Code: { S3Key: "absent.zip" } }, /Code.S3Key: there is no package/],
    ["an image", { Code: { ImageUri: "x" } }, /Code.ImageUri: the twin does not support this/],
    ["too little memory", { MemorySize: 64 }, /MemorySize: must be an integer from 128 to 10240, not '64'/],
    ["too long a timeout", { Timeout: 901 }, /Timeout: must be an integer from 1 to 900/],
    [
      "a reserved variable",
      { Environment: { Variables: { AWS_REGION: "x" } } },
      /Variables.AWS_REGION: is a reserved key/,
    ],
    ["too many variables", { Environment: { Variables: { LONG: "x".repeat(4096) } } }, /Lambda allows 4096/],
    ["SnapStart", { SnapStart: { ApplyOn: "PublishedVersions" } }, /SnapStart.ApplyOn/],
    ["a topic as dead-letter queue", { DeadLetterConfig: { TargetArn: "arn:aws:sns:us-east-1:1:t" } }, /TargetArn/],
    ["a log level without JSON", { LoggingConfig: { ApplicationLogLevel: "WARN" } }, /needs LogFormat JSON/],
    ["no handler", { Handler: undefined }, /Handler: is required/],
    ["too much reserved", { ReservedConcurrentExecutions: 901 }, /ReservedConcurrentExecutions/],
  ])("refuses %s", async (_title, properties, message) => {
    await expect(twin.deployFunction("fn", SOURCE, properties)).rejects.toThrow(message);
  });

  test("needs its role, and the role the permission for active tracing", async () => {
    const identities = createIdentities();
    const lambda = createLambda(new Kernel(createClock(), identities), { artifacts: "" });
    const provider = lambda.resources?.find(({ type }) => type === "AWS::Lambda::Function");
    const properties = functionProperties("fn", SOURCE);
    const resource = { logicalId: "Fn", type: "AWS::Lambda::Function", properties, stackName: "s", artifacts: "" };
    await expect(provider?.create(resource)).rejects.toThrow(/Fn: Role: AccessDenied/);
    const untraced = createHarness({ denied: ["xray:PutTraceSegments"] });
    const active = { TracingConfig: { Mode: "Active" } };
    await expect(untraced.deployFunction("fn", SOURCE, active)).rejects.toThrow(/TracingConfig: .*PutTraceSegments/);
  });
});

// https://docs.aws.amazon.com/lambda/latest/dg/configuration-versions.html
describe("versions and aliases", () => {
  const version = (FunctionName = "fn") => twin.deploy("AWS::Lambda::Version", { FunctionName });
  const alias = (FunctionVersion: string) =>
    twin.deploy("AWS::Lambda::Alias", { FunctionName: "fn", Name: "live", FunctionVersion });

  test("keep running what they were published from", async () => {
    await twin.deployFunction("fn", SOURCE);
    expect(await version()).toMatchObject({ ref: `${ARN}:1`, attributes: { Version: "1" } });
    expect(await version()).toMatchObject({ ref: `${ARN}:1` });
    await twin.deployFunction("fn", "export const handler = async () => 'changed'");
    expect(await version()).toMatchObject({ ref: `${ARN}:2` });
    expect(await alias("1")).toMatchObject({ ref: `${ARN}:live` });
    const live = await twin.invoke(`${ARN}:live`);
    expect([live.Payload, live.ExecutedVersion]).toEqual(['"1"', "1"]);
    expect((await twin.invoke("fn", {}, { Qualifier: "2" })).Payload).toBe('"changed"');
  });

  test("are refused for what is not there", async () => {
    await twin.deployFunction("fn", SOURCE);
    await expect(version("absent")).rejects.toThrow(/FunctionName: ResourceNotFoundException/);
    await expect(alias("7")).rejects.toThrow(/FunctionVersion: fn has no version '7'/);
    const wrong = { FunctionName: "fn", CodeSha256: "AAAA" };
    await expect(twin.deploy("AWS::Lambda::Version", wrong)).rejects.toThrow(/CodeSha256: is AAAA/);
  });
});

// https://docs.aws.amazon.com/lambda/latest/dg/access-control-resource-based.html
describe("AWS::Lambda::Permission", () => {
  const rule = "arn:aws:events:us-east-1:123456789012:rule/fleet/changed";
  const service: Principal = {
    kind: "service",
    service: "events.amazonaws.com",
    arn: "events.amazonaws.com",
    sourceArn: rule,
  };
  const access = (input: object, principal: Principal = service) =>
    twin.lambda.operations.Invoke?.access(input, { principal, requestId: "1" });

  test("becomes a statement of the function's policy, asked at Invoke", async () => {
    await twin.deployFunction("fn", SOURCE);
    const { GetPolicy } = twin.lambda.operations;
    expect(() => GetPolicy?.run({ FunctionName: "fn" }, { principal: service, requestId: "1" })).toThrow();
    await twin.deploy("AWS::Lambda::Permission", {
      FunctionName: ARN,
      Action: "lambda:InvokeFunction",
      Principal: "events.amazonaws.com",
      SourceArn: rule,
    });
    const statement = {
      Sid: "test-Resource",
      Effect: "Allow",
      Principal: { Service: "events.amazonaws.com" },
      Action: "lambda:InvokeFunction",
      Resource: ARN,
      Condition: { ArnLike: { "AWS:SourceArn": rule } },
    };
    expect(access({ FunctionName: "fn" })).toEqual([
      {
        action: "lambda:InvokeFunction",
        resource: ARN,
        resourcePolicy: { Version: "2012-10-17", Statement: [statement] },
      },
    ]);
    expect(JSON.parse((await twin.call("lambda", "GetPolicy", { FunctionName: "fn" })).Policy).Statement).toEqual([
      statement,
    ]);
  });

  test("of the function does not cover a qualifier", async () => {
    await twin.deployFunction("fn", SOURCE);
    const properties = { FunctionName: "fn", Action: "lambda:InvokeFunction", Principal: "123456789012" };
    await twin.deploy("AWS::Lambda::Permission", properties);
    expect(access({ FunctionName: "fn:live" })).toEqual([{ action: "lambda:InvokeFunction", resource: `${ARN}:live` }]);
  });
});

test("EventInvokeConfig is read back, and its destinations are checked", async () => {
  await twin.deployFunction("fn", SOURCE);
  const read = () => twin.call("lambda", "GetFunctionEventInvokeConfig", { FunctionName: "fn" });
  await expect(read()).rejects.toMatchObject({ code: "ResourceNotFoundException" });
  const queue = "arn:aws:sqs:us-east-1:123456789012:q";
  const configure = (properties: object) =>
    twin.deploy("AWS::Lambda::EventInvokeConfig", { FunctionName: "fn", Qualifier: "$LATEST", ...properties });
  await configure({ MaximumRetryAttempts: 1, DestinationConfig: { OnFailure: { Destination: queue } } });
  expect(await read()).toMatchObject({
    FunctionArn: `${ARN}:$LATEST`,
    MaximumRetryAttempts: 1,
    MaximumEventAgeInSeconds: 21600,
    DestinationConfig: { OnSuccess: {}, OnFailure: { Destination: queue } },
  });
  const topic = { DestinationConfig: { OnSuccess: { Destination: "arn:aws:sns:us-east-1:1:t" } } };
  await expect(configure(topic)).rejects.toThrow(/DestinationConfig.OnSuccess.Destination/);
  await expect(configure({ MaximumRetryAttempts: 3 })).rejects.toThrow(/from 0 to 2/);
});

test("ListFunctions and GetFunctionConfiguration describe what was deployed", async () => {
  await twin.deployFunction("fn", SOURCE, {
    MemorySize: 512,
    Timeout: "20",
    Environment: { Variables: { TABLE: "t" } },
  });
  const { Functions } = await twin.call("lambda", "ListFunctions", {});
  const configuration = await twin.call("lambda", "GetFunctionConfiguration", { FunctionName: ARN });
  expect(Functions).toEqual([configuration]);
  expect(configuration).toMatchObject({
    FunctionName: "fn",
    FunctionArn: ARN,
    MemorySize: 512,
    Timeout: 20,
    Environment: { Variables: { TABLE: "t" } },
    TracingConfig: { Mode: "PassThrough" },
    State: "Active",
  });
});
