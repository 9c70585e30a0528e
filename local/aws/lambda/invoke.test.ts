import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { strToU8, zipSync } from "fflate";
import { createHarness, functionProperties, type Harness } from "./harness.ts";

let twin: Harness;
let artifacts: string;

beforeAll(async () => {
  artifacts = mkdtempSync(join(tmpdir(), "artifacts-"));
  twin = createHarness({ artifacts });
  await twin.start();
});
afterAll(async () => {
  await twin.stop();
  rmSync(artifacts, { recursive: true, force: true });
});

async function run(name: string, source: string, event: unknown = {}, properties: object = {}) {
  await twin.deployFunction(name, source, properties);
  const answer = await twin.invoke(name, event);
  return { ...answer, value: JSON.parse(answer.Payload) };
}

// https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html
describe("a handler that answers", () => {
  test("gets the event and gives back its value", async () => {
    const answer = await run("answers", "export const handler = async (event) => ({ got: event })", { a: [1, "é"] });
    expect(answer).toMatchObject({ StatusCode: 200, ExecutedVersion: "$LATEST", value: { got: { a: [1, "é"] } } });
    expect(answer.FunctionError).toBeUndefined();
  });

  test("answers null for undefined", async () => {
    expect((await run("undefined", "exports.handler = async () => {}")).Payload).toBe("null");
  });

  test("keeps module state and reuses the environment", async () => {
    await twin.deployFunction("counter", "let n = 0; export const handler = async () => ++n");
    const answers = [await twin.invoke("counter"), await twin.invoke("counter"), await twin.invoke("counter")];
    expect(answers.map(({ Payload }) => Payload)).toEqual(["1", "2", "3"]);
  });

  test("may still call back before Node.js 24", async () => {
    const source = "exports.handler = (event, context, callback) => setTimeout(() => callback(null, 'done'), 1)";
    expect((await run("calls-back", source, {}, { Runtime: "nodejs22.x" })).value).toBe("done");
    expect((await run("calls-back-24", source)).value.errorType).toBe("Runtime.CallbackHandlerDeprecated");
  });

  test.each([
    [
      "an ES module in a folder",
      "functions/crm/capture.mjs",
      "import x from './part.mjs'; export const handler = () => x",
    ],
    ["a CommonJS module in a folder", "functions/crm/capture.cjs", "exports.handler = async () => 'part'"],
  ])("may be %s of a packaged zip", async (_title, path, source) => {
    const zip = zipSync({ [path]: strToU8(source), "functions/crm/part.mjs": strToU8("export default 'part'") });
    const name = path.endsWith("mjs") ? "esm" : "cjs";
    writeFileSync(join(artifacts, `${name}.zip`), zip);
    const Code = { S3Bucket: "deployments", S3Key: `serverless/stage/${name}.zip` };
    expect((await run(name, "", {}, { Handler: "functions/crm/capture.handler", Code })).value).toBe("part");
  });
});

describe("what a function sees", () => {
  // https://docs.aws.amazon.com/lambda/latest/dg/nodejs-context.html
  test("the context", async () => {
    const source = `export const handler = async (event, context) =>
      ({ ...context, left: context.getRemainingTimeInMillis() })`;
    const { value } = await run("context", source, {}, { Timeout: 7, MemorySize: 256 });
    expect(value).toMatchObject({
      functionName: "context",
      functionVersion: "$LATEST",
      invokedFunctionArn: "arn:aws:lambda:us-east-1:123456789012:function:context",
      memoryLimitInMB: "256",
      logGroupName: "/aws/lambda/context",
      logStreamName: expect.stringMatching(/^\d{4}\/\d\d\/\d\d\/\[\$LATEST\][0-9a-f]{32}$/),
      awsRequestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    expect(value.left).toBeGreaterThan(6000);
    expect(value.left).toBeLessThanOrEqual(7000);
  });

  // https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
  test("the variables of Lambda and its own, and nothing of the twin's process", async () => {
    process.env.SECRET_OF_THE_LAPTOP = "leaked";
    const properties = { Environment: { Variables: { TABLE: "customers", RATE: 3 } } };
    const { value } = await run("variables", "export const handler = async () => process.env", {}, properties);
    delete process.env.SECRET_OF_THE_LAPTOP;
    expect(value).toMatchObject({
      TABLE: "customers",
      RATE: "3",
      AWS_ENDPOINT_URL: "http://127.0.0.1:1",
      AWS_ACCESS_KEY_ID: "ASIATEST",
      AWS_REGION: "us-east-1",
      AWS_LAMBDA_FUNCTION_NAME: "variables",
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: "128",
      AWS_EXECUTION_ENV: "AWS_Lambda_nodejs24.x",
      AWS_XRAY_DAEMON_ADDRESS: "127.0.0.1:2000",
      _HANDLER: "index.handler",
      _X_AMZN_TRACE_ID: expect.stringMatching(/^Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0$/),
    });
    expect(value).not.toHaveProperty("SECRET_OF_THE_LAPTOP");
    expect(value).not.toHaveProperty("NODE_COMPILE_CACHE");
    expect(value).not.toHaveProperty("HOME");
  });

  test("no way to talk to the twin's own process", async () => {
    const { value } = await run("alone", "export const handler = async () => typeof process.send");
    expect(value).toBe("undefined");
  });

  test.each(["sync-127.0.0.1", "sync-localhost"])("%s as this machine", async (host) => {
    const source = `import { lookup } from "node:dns/promises"; import dns from "node:dns";
      export const handler = async (host) => new Promise((done) => dns.lookup(host, (e, address) => done(address)))`;
    expect((await run(host.replaceAll(".", "-"), source, host)).value).toBe("127.0.0.1");
  });
});

// https://docs.aws.amazon.com/lambda/latest/dg/nodejs-exceptions.html
describe("a function that fails", () => {
  test("answers with the error and stays warm", async () => {
    const source = `let n = 0; class Odd extends Error { name = "Odd" }
      export const handler = async () => { throw new Odd("time " + ++n) }`;
    const first = await run("throws", source);
    expect(first).toMatchObject({ StatusCode: 200, FunctionError: "Unhandled" });
    expect(first.value).toMatchObject({ errorType: "Odd", errorMessage: "time 1" });
    expect(first.value.trace[0]).toBe("Odd: time 1");
    expect(first.value.trace[1]).toMatch(/at handler .*index\.js/);
    expect(JSON.parse((await twin.invoke("throws")).Payload).errorMessage).toBe("time 2");
  });

  test.each([
    ["exits", "process.exit(127)", "Runtime exited with error: exit status 127"],
    ["ends well", "process.exit(0)", "Runtime exited without providing a reason"],
    [
      "is killed",
      "process.kill(process.pid, 'SIGKILL'); setTimeout(() => {}, 9999)",
      "Runtime exited with error: signal: killed",
    ],
  ])("%s: Runtime.ExitError, then a new process", async (title, statement, reason) => {
    const name = title.replace(" ", "-");
    const source = `let n = 0; export const handler = async (die) => { n += 1; if (die) ${statement}; return n }`;
    const { value } = await run(name, source, true);
    expect(value.errorType).toBe("Runtime.ExitError");
    expect(value.errorMessage).toMatch(/^RequestId: [0-9a-f-]{36} Error: /);
    expect(value.errorMessage).toContain(reason);
    expect((await twin.invoke(name, false)).Payload).toBe("1");
  });

  test("is killed when it takes more than its memory", async () => {
    const source = "const kept = []; export const handler = () => { for (;;) kept.push(new Array(100_000).fill(1.5)) }";
    const { value } = await run("memory", source, {}, { Timeout: 60 });
    expect(value).toMatchObject({ errorType: "Runtime.ExitError" });
    expect(value.errorMessage).toContain("signal: killed");
  });

  // https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
  test("times out; its module state is lost and its files are kept", async () => {
    const source = `import { writeFileSync, existsSync } from "node:fs"; import { tmpdir } from "node:os";
      let n = 0; const file = tmpdir() + "/kept";
      export const handler = async (hang) => {
        if (!hang) return { n: ++n, kept: existsSync(file) };
        n = 10; writeFileSync(file, ""); setInterval(() => {}, 1000); await new Promise(() => {}) }`;
    const { value, FunctionError } = await run("hangs", source, true, { Timeout: 1 });
    expect(FunctionError).toBe("Unhandled");
    expect(value.errorType).toBe("Sandbox.Timedout");
    expect(value.errorMessage).toMatch(/^RequestId: [0-9a-f-]{36} Error: Task timed out after 1\.00 seconds$/);
    expect(JSON.parse((await twin.invoke("hangs", false)).Payload)).toEqual({ n: 1, kept: true });
  });

  test("says so when a promise can never settle", async () => {
    const { value } = await run("never", "export const handler = () => new Promise(() => {})");
    expect(value.errorType).toBe("Runtime.NodeJsExit");
  });

  test("loses its process with an unhandled rejection", async () => {
    const source = `let n = 0; export const handler = async (lose) => { n += 1; if (!lose) return n;
      Promise.reject(new RangeError("lost")); await new Promise((done) => setTimeout(done, 5000)) }`;
    const { value } = await run("rejects", source, true);
    expect(value).toMatchObject({ errorType: "Runtime.UnhandledPromiseRejection", errorMessage: "RangeError: lost" });
    expect((await twin.invoke("rejects", false)).Payload).toBe("1");
  });

  test("may not answer with more than 6 MB", async () => {
    const { value } = await run("large", "export const handler = async () => 'x'.repeat(6_291_556)");
    expect(value).toEqual({
      errorType: "Function.ResponseSizeTooLarge",
      errorMessage: "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
    });
  });

  test.each([
    [
      "no file",
      "exports.handler = 1",
      "absent.handler",
      "Runtime.ImportModuleError",
      "Error: Cannot find module 'absent'",
    ],
    [
      "no export",
      "exports.other = 1",
      "index.handler",
      "Runtime.HandlerNotFound",
      "index.handler is undefined or not exported",
    ],
    [
      "no function",
      "exports.handler = 1",
      "index.handler",
      "Runtime.HandlerNotFound",
      "index.handler is not a function",
    ],
    ["broken syntax", "exports.handler = (", "index.handler", "Runtime.UserCodeSyntaxError", "SyntaxError: "],
    [
      "no dependency",
      "require('absent')",
      "index.handler",
      "Runtime.ImportModuleError",
      "Error: Cannot find module 'absent'",
    ],
    ["a throw outside the handler", "throw new TypeError('no key')", "index.handler", "TypeError", "no key"],
  ])("cannot start: %s", async (title, source, Handler, errorType, message) => {
    const { value, FunctionError } = await run(title.replaceAll(" ", "-"), source, {}, { Handler });
    expect(FunctionError).toBe("Unhandled");
    expect(value.errorType).toBe(errorType);
    expect(value.errorMessage).toContain(message);
  });

  test("whose init phase takes too long begins it again inside the invocation", async () => {
    const other = createHarness({ initLimitMs: 200 });
    const source = "const end = Date.now() + 400; while (Date.now() < end); export const handler = () => 'at last'";
    await other.deployFunction("slow", source, { Timeout: 20 });
    expect((await other.invoke("slow")).Payload).toBe('"at last"');
    await other.stop();
    expect(other.logLines().join("\n")).toMatch(/INIT_REPORT Init Duration: [\d.]+ ms\tPhase: init\tStatus: timeout/);
  });
});

// https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
describe("Invoke", () => {
  test("refuses what is not there, not JSON, or too large", async () => {
    await twin.deployFunction("echo", "export const handler = async (event) => event");
    await expect(twin.invoke("absent")).rejects.toMatchObject({
      code: "ResourceNotFoundException",
      status: 404,
      message: "Function not found: arn:aws:lambda:us-east-1:123456789012:function:absent:$LATEST",
    });
    await expect(twin.invoke("echo", {}, { Payload: "{oops" })).rejects.toMatchObject({
      code: "InvalidRequestContentException",
      status: 400,
    });
    const tooLarge = { Payload: `"${"x".repeat(1_048_576)}"`, InvocationType: "Event" };
    await expect(twin.invoke("echo", {}, tooLarge)).rejects.toMatchObject({
      code: "RequestTooLargeException",
      status: 413,
    });
    await expect(twin.invoke("echo:7")).rejects.toMatchObject({ code: "ResourceNotFoundException" });
    await expect(twin.invoke("echo:7", {}, { Qualifier: "8" })).rejects.toMatchObject({
      code: "InvalidParameterValueException",
    });
  });

  test("takes names, ARNs and an empty payload, and runs nothing for DryRun", async () => {
    await twin.deployFunction(
      "named",
      "export const handler = async (event, { invokedFunctionArn }) => [event, invokedFunctionArn]",
    );
    const arn = "arn:aws:lambda:us-east-1:123456789012:function:named";
    expect(JSON.parse((await twin.invoke(arn, {}, { Payload: "" })).Payload)).toEqual([{}, arn]);
    expect(JSON.parse((await twin.invoke("named", 1, { Qualifier: "$LATEST" })).Payload)).toEqual([
      1,
      `${arn}:$LATEST`,
    ]);
    expect(await twin.invoke(arn, {}, { InvocationType: "DryRun" })).toEqual({ StatusCode: 204, Payload: "" });
  });

  test("gives the client context to a synchronous invocation and its log tail back", async () => {
    await twin.deployFunction(
      "tail",
      "export const handler = async (e, c) => { console.log('seen'); return c.clientContext }",
    );
    const ClientContext = Buffer.from('{"custom":{"a":1}}').toString("base64");
    const { Payload, LogResult = "" } = await twin.invoke("tail", {}, { ClientContext, LogType: "Tail" });
    expect(JSON.parse(Payload)).toEqual({ custom: { a: 1 } });
    const tail = Buffer.from(LogResult, "base64").toString();
    expect(tail).toMatch(/^START RequestId: .*\n.*INFO\tseen\nEND RequestId: .*\nREPORT RequestId: /);
  });

  test("runs the code that was deployed last", async () => {
    const { deploy, invoke } = twin;
    await deploy("AWS::Lambda::Function", functionProperties("changes", "export const handler = () => 'old'"));
    expect((await invoke("changes")).Payload).toBe('"old"');
    await deploy("AWS::Lambda::Function", functionProperties("changes", "export const handler = () => 'new'"));
    expect((await invoke("changes")).Payload).toBe('"new"');
  });
});
