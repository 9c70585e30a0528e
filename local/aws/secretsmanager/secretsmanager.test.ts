import { beforeEach, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { createClock } from "../kernel/clock.ts";
import { ADMINISTRATOR, Kernel } from "../kernel/kernel.ts";
import type { Access } from "../kernel/service.ts";
import { deploy } from "../template/index.ts";
import { allowAll } from "../testing.ts";
import { generateSecretString } from "./generate.ts";
import { createSecretsManager } from "./index.ts";

// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_Operations.html
let kernel: Kernel;
let asked: Access[];
const call = (operation: string, input: object) =>
  kernel.call("secretsmanager", operation, input, { principal: ADMINISTRATOR });
const value = async (more: object = {}) => (await call("GetSecretValue", { SecretId: "app", ...more })).SecretString;

beforeEach(() => {
  asked = [];
  kernel = new Kernel(createClock(), { ...allowAll(), authorize: (_, access) => void asked.push(access) });
  kernel.register(createSecretsManager(kernel));
});

describe("versions of a secret", () => {
  test("a new value becomes current, the one before previous, older ones go", async () => {
    await call("CreateSecret", { Name: "app", SecretString: "one" });
    for (const SecretString of ["two", "three"]) await call("PutSecretValue", { SecretId: "app", SecretString });
    expect(await value()).toBe("three");
    expect(await value({ VersionStage: "AWSPREVIOUS" })).toBe("two");
    const { VersionIdsToStages } = await call("DescribeSecret", { SecretId: "app" });
    expect(Object.values(VersionIdsToStages)).toEqual([["AWSPREVIOUS"], ["AWSCURRENT"]]);
  });

  test("a pending version leaves the current one alone", async () => {
    await call("CreateSecret", { Name: "app", SecretString: "one" });
    await call("PutSecretValue", { SecretId: "app", SecretString: "next", VersionStages: ["AWSPENDING"] });
    expect(await value()).toBe("one");
    expect(await value({ VersionStage: "AWSPENDING" })).toBe("next");
  });

  test("the same token with the same value is one version, with another value an error", async () => {
    const put = (SecretString: string) =>
      call("PutSecretValue", { SecretId: "app", SecretString, ClientRequestToken: "token" });
    await call("CreateSecret", { Name: "app" });
    expect(await put("x")).toEqual(await put("x"));
    await expect(put("y")).rejects.toMatchObject({ code: "ResourceExistsException" });
  });

  test("a secret is found by name, ARN, and ARN without its suffix", async () => {
    const { ARN } = await call("CreateSecret", { Name: "app", SecretString: "x" });
    for (const SecretId of ["app", ARN, ARN.slice(0, -7)]) expect(await value({ SecretId })).toBe("x");
    asked.length = 0;
    await value();
    expect(asked).toEqual([{ action: "secretsmanager:GetSecretValue", resource: ARN }]);
  });

  test.each<[string, string, object, string, string]>([
    [
      "no such secret",
      "GetSecretValue",
      { SecretId: "none" },
      "ResourceNotFoundException",
      "Secrets Manager can't find the specified secret.",
    ],
    [
      "no such stage",
      "GetSecretValue",
      { SecretId: "app", VersionStage: "AWSPREVIOUS" },
      "ResourceNotFoundException",
      "Secrets Manager can't find the specified secret value for staging label: AWSPREVIOUS",
    ],
    ["a name that is taken", "CreateSecret", { Name: "app" }, "ResourceExistsException", "already exists"],
    [
      "no value",
      "PutSecretValue",
      { SecretId: "app" },
      "InvalidParameterException",
      "either SecretString or SecretBinary",
    ],
    [
      "too large a value",
      "PutSecretValue",
      { SecretId: "app", SecretString: "x".repeat(65_537) },
      "InvalidParameterException",
      "exceeds 65536 bytes",
    ],
  ])("%s is an error", async (_, operation, input, code, message) => {
    await call("CreateSecret", { Name: "app", SecretString: "one" });
    const failing = call(operation, input);
    await expect(failing).rejects.toMatchObject({ code });
    await expect(failing).rejects.toThrow(message);
  });
});

// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DeleteSecret.html
describe("a secret that is to be deleted", () => {
  const listed = async (more: object = {}) =>
    (await call("ListSecrets", more)).SecretList.map(({ Name }: { Name: string }) => Name);

  beforeEach(async () => {
    await call("CreateSecret", { Name: "app", SecretString: "one" });
    await call("DeleteSecret", { SecretId: "app", RecoveryWindowInDays: 7 });
  });

  test("gives and takes nothing, keeps its name, and is hidden", async () => {
    const marked = { code: "InvalidRequestException", message: expect.stringContaining("marked for deletion") };
    await expect(value()).rejects.toMatchObject(marked);
    await expect(call("PutSecretValue", { SecretId: "app", SecretString: "x" })).rejects.toMatchObject(marked);
    await expect(call("CreateSecret", { Name: "app" })).rejects.toMatchObject({
      code: "InvalidRequestException",
      message: expect.stringContaining("already scheduled for deletion"),
    });
    expect(await listed()).toEqual([]);
    expect(await listed({ IncludePlannedDeletion: true })).toEqual(["app"]);
  });

  test("is restored with its value", async () => {
    await call("RestoreSecret", { SecretId: "app" });
    expect(await value()).toBe("one");
    expect(await call("DescribeSecret", { SecretId: "app" })).not.toHaveProperty("DeletedDate", expect.anything());
  });

  test("is gone after its window", async () => {
    kernel.clock.advance(7 * 86_400_000);
    await expect(call("RestoreSecret", { SecretId: "app" })).rejects.toMatchObject({
      code: "ResourceNotFoundException",
    });
    await call("CreateSecret", { Name: "app", SecretString: "two" });
    expect(await value()).toBe("two");
  });

  test.each([
    [{ RecoveryWindowInDays: 3 }, "between 7 and 30"],
    [{ RecoveryWindowInDays: 7, ForceDeleteWithoutRecovery: true }, "in conjunction"],
  ])("%j is an error", async (input, message) => {
    await call("CreateSecret", { Name: "other" });
    await expect(call("DeleteSecret", { SecretId: "other", ...input })).rejects.toThrow(message);
  });
});

test("value, description and tags are changed", async () => {
  await call("CreateSecret", { Name: "app", SecretString: "one", Tags: [{ Key: "stage", Value: "dev" }] });
  await call("UpdateSecret", { SecretId: "app", SecretString: "two", Description: "of the app" });
  const Tags = [
    { Key: "stage", Value: "prod" },
    { Key: "service", Value: "fleet" },
  ];
  await call("TagResource", { SecretId: "app", Tags });
  expect(await value()).toBe("two");
  expect(await call("DescribeSecret", { SecretId: "app" })).toMatchObject({ Description: "of the app", Tags });
});

describe("listing", () => {
  test("goes page by page and filters by name", async () => {
    for (const Name of ["fleet/a", "fleet/b", "other"]) await call("CreateSecret", { Name });
    const first = await call("ListSecrets", { MaxResults: 2 });
    const second = await call("ListSecrets", { MaxResults: 2, NextToken: first.NextToken });
    const names = [...first.SecretList, ...second.SecretList].map(({ Name }) => Name);
    expect(names).toEqual(["fleet/a", "fleet/b", "other"]);
    const filtered = await call("ListSecrets", { Filters: [{ Key: "name", Values: ["fleet/"] }] });
    expect(filtered.SecretList).toHaveLength(2);
  });
});

describe("secrets of a template", () => {
  const make = (Resources: object) => deploy(kernel, { Resources }, { stackName: "s", artifacts: "." });

  test("a generated secret is made once", async () => {
    const Secret = {
      Type: "AWS::SecretsManager::Secret",
      Properties: {
        Name: "app",
        GenerateSecretString: {
          SecretStringTemplate: '{"user":"x"}',
          GenerateStringKey: "password",
          ExcludePunctuation: true,
        },
      },
    };
    await make({ Secret });
    const first = await value();
    expect(JSON.parse(first)).toEqual({ user: "x", password: expect.stringMatching(/^[A-Za-z0-9]{32}$/) });
    await make({ Secret });
    expect(await value()).toBe(first);
  });

  test("a resource policy travels with every question to IAM", async () => {
    const ResourcePolicy = {
      Version: "2012-10-17",
      Statement: { Effect: "Deny", Principal: "*", Action: "*", Resource: "*" },
    };
    await make({
      Secret: { Type: "AWS::SecretsManager::Secret", Properties: { Name: "app", SecretString: "x" } },
      Policy: {
        Type: "AWS::SecretsManager::ResourcePolicy",
        Properties: { SecretId: { Ref: "Secret" }, ResourcePolicy },
      },
    });
    await value();
    expect(asked).toEqual([expect.objectContaining({ resourcePolicy: ResourcePolicy })]);
  });

  // https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-secretsmanager-secret-generatesecretstring.html
  test("a generated password has its length, every wanted kind and nothing excluded", () => {
    const exclude = fc.string({ unit: fc.constantFrom(..."abcXYZ019!$"), maxLength: 5 });
    fc.assert(
      fc.property(
        fc.integer({ min: 4, max: 64 }),
        exclude,
        fc.boolean(),
        (PasswordLength, ExcludeCharacters, ExcludeNumbers) => {
          const password = generateSecretString("S", { PasswordLength, ExcludeCharacters, ExcludeNumbers });
          expect(password).toHaveLength(PasswordLength);
          expect([...password].some((char) => ExcludeCharacters.includes(char))).toBe(false);
          expect(/\d/.test(password)).toBe(!ExcludeNumbers);
          expect(/[a-z]/.test(password) && /[A-Z]/.test(password) && /[^\w]|_/.test(password)).toBe(true);
        },
      ),
    );
  });

  test.each([
    [
      "an unknown member",
      { Colour: 1 },
      "Secret: Properties.GenerateSecretString.Colour: the twin does not support this",
    ],
    [
      "a template without a key",
      { SecretStringTemplate: "{}" },
      "SecretStringTemplate and GenerateStringKey go together",
    ],
  ])("%s stops the boot", async (_, GenerateSecretString, message) => {
    const Secret = { Type: "AWS::SecretsManager::Secret", Properties: { Name: "app", GenerateSecretString } };
    await expect(make({ Secret })).rejects.toThrow(message);
  });
});
