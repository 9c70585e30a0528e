import { beforeEach, expect, test } from "@jest/globals";
import { createClock } from "../kernel/clock.ts";
import { ADMINISTRATOR, Kernel } from "../kernel/kernel.ts";
import type { Access } from "../kernel/service.ts";
import { deploy } from "../template/index.ts";
import { allowAll } from "../testing.ts";
import { createSsm } from "./index.ts";

// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_Operations_Amazon_Simple_Systems_Manager_SSM.html
let kernel: Kernel;
let asked: Access[];
const call = (operation: string, input: object) => kernel.call("ssm", operation, input, { principal: ADMINISTRATOR });
const put = (Name: string, Value: string, more: object = {}) =>
  call("PutParameter", { Name, Value, Type: "String", ...more });

beforeEach(() => {
  asked = [];
  kernel = new Kernel(createClock(), { ...allowAll(), authorize: (_, access) => void asked.push(access) });
  kernel.register(createSsm(kernel));
});

test("a parameter has versions, which a selector reads", async () => {
  await put("/a/b", "one");
  await expect(put("/a/b", "two", { Overwrite: true })).resolves.toMatchObject({ Version: 2 });
  await expect(call("GetParameter", { Name: "/a/b" })).resolves.toMatchObject({
    Parameter: { Value: "two", Version: 2 },
  });
  await expect(call("GetParameter", { Name: "/a/b:1" })).resolves.toMatchObject({
    Parameter: { Name: "/a/b", Value: "one", Selector: ":1" },
  });
  const byArn = { Name: "arn:aws:ssm:us-east-1:123456789012:parameter/a/b" };
  await expect(call("GetParameter", byArn)).resolves.toMatchObject({ Parameter: { Name: "/a/b", Value: "two" } });
});

test("a secure string is readable only with decryption", async () => {
  await put("key", "secret", { Type: "SecureString" });
  const closed = await call("GetParameter", { Name: "key" });
  expect(closed.Parameter.Value).not.toContain("secret");
  const open = await call("GetParameter", { Name: "key", WithDecryption: true });
  expect(open.Parameter).toMatchObject({ Value: "secret", Type: "SecureString" });
});

test("several are read at once, and unknown names listed", async () => {
  await put("a", "1");
  await expect(call("GetParameters", { Names: ["a", "b"] })).resolves.toMatchObject({
    Parameters: [{ Name: "a", Value: "1" }],
    InvalidParameters: ["b"],
  });
});

test("a path lists its children, or all below it, in pages", async () => {
  for (const name of ["/x/a", "/x/b", "/x/deep/c", "/xy/d"]) await put(name, "v");
  const names = ({ Parameters }: { Parameters: { Name: string }[] }) => Parameters.map(({ Name }) => Name);
  expect(names(await call("GetParametersByPath", { Path: "/x" }))).toEqual(["/x/a", "/x/b"]);
  const first = await call("GetParametersByPath", { Path: "/x/", Recursive: true, MaxResults: 2 });
  const rest = await call("GetParametersByPath", {
    Path: "/x/",
    Recursive: true,
    MaxResults: 2,
    NextToken: first.NextToken,
  });
  expect([...names(first), ...names(rest)]).toEqual(["/x/a", "/x/b", "/x/deep/c"]);
  const begins = { ParameterFilters: [{ Key: "Name", Option: "BeginsWith", Values: ["/xy"] }] };
  const described = await call("DescribeParameters", begins);
  expect(described.Parameters).toEqual([expect.objectContaining({ Name: "/xy/d" })]);
  expect(described.Parameters[0]).not.toHaveProperty("Value");
});

// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssystemsmanager.html
test("IAM is asked for the parameter's ARN, with one slash", async () => {
  await put("/a/b", "v");
  await put("plain", "v");
  expect(asked.map(({ resource }) => resource)).toEqual([
    "arn:aws:ssm:us-east-1:123456789012:parameter/a/b",
    "arn:aws:ssm:us-east-1:123456789012:parameter/plain",
  ]);
});

test.each<[string, string, object, string]>([
  ["a missing parameter", "GetParameter", { Name: "none" }, "ParameterNotFound"],
  ["a name that is taken", "PutParameter", { Name: "a", Value: "2" }, "ParameterAlreadyExists"],
  ["an empty value", "PutParameter", { Name: "b", Value: "" }, "ValidationException"],
  ["an unknown type", "PutParameter", { Name: "b", Value: "x", Type: "Blob" }, "UnsupportedParameterType"],
])("%s is an error", async (_, operation, input, code) => {
  await put("a", "1");
  await expect(call(operation, input)).rejects.toMatchObject({ code });
});

test("a parameter of a template has its value and type as attributes", async () => {
  const Setting = { Type: "AWS::SSM::Parameter", Properties: { Name: "/limit", Type: "String", Value: 25 } };
  const stack = await deploy(kernel, { Resources: { Setting } }, { stackName: "s", artifacts: "." });
  expect(stack.resources.get("Setting")).toMatchObject({ ref: "/limit", attributes: { Value: "25", Type: "String" } });
});
