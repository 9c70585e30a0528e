import { afterEach, expect, test } from "@jest/globals";
import { createHarness, eventually, type Harness, type HarnessOptions } from "./harness.ts";

let twin: Harness;

async function begin(options: HarnessOptions = {}): Promise<void> {
  twin = createHarness(options);
  await twin.start();
}
afterEach(() => twin.stop());

/** Answers its own process id once the file named by the event exists. */
const GATED = `import { existsSync } from "node:fs"; import { setTimeout } from "node:timers/promises";
  export const handler = async ({ gate }) => { while (gate && !existsSync(gate)) await setTimeout(5); return process.pid }`;
/** A path that exists on every machine, and one that does not. */
const OPEN = process.execPath;

async function pid(name: string, event: object = {}): Promise<number> {
  return Number((await twin.invoke(name, event)).Payload);
}

test("runs one invocation at a time per environment and reuses the one used last", async () => {
  await begin();
  await twin.deployFunction("gated", GATED);
  const both = await Promise.all([pid("gated", { gate: OPEN }), pid("gated", { gate: OPEN })]);
  const next = [await pid("gated"), await pid("gated"), await pid("gated")];
  expect(new Set(next).size).toBe(1);
  expect(both).toContain(next[0]);
});

test("queues cold starts beyond the limit and serves every invocation", async () => {
  await begin({ maxStarting: 1, maxEnvironments: 2 });
  await twin.deployFunction("one", GATED);
  await twin.deployFunction("two", GATED);
  const pids = await Promise.all(["one", "two", "one", "two", "one", "two"].map((name) => pid(name)));
  expect(pids.every((found) => found > 0)).toBe(true);
});

test("makes room for another function by ending an unused environment", async () => {
  await begin({ maxEnvironments: 1 });
  await twin.deployFunction("one", GATED);
  await twin.deployFunction("two", GATED);
  const first = await pid("one");
  expect(await pid("two")).not.toBe(first);
  expect(await pid("one")).not.toBe(first);
});

test("ends an environment that nobody uses", async () => {
  await begin({ idleMs: 20 });
  await twin.deployFunction("gated", GATED);
  const first = await pid("gated");
  await eventually(() => (isAlive(first) ? undefined : true));
  expect(await pid("gated")).not.toBe(first);
});

test("ends every process when it stops, busy ones too", async () => {
  await begin();
  await twin.deployFunction(
    "hangs",
    "export const handler = ({ hang }) => hang ? new Promise(() => setInterval(() => {}, 99)) : process.pid",
  );
  const running = await pid("hangs");
  const hanging = twin.invoke("hangs", { hang: true });
  await twin.stop();
  expect(JSON.parse((await hanging).Payload).errorType).toBe("Runtime.ExitError");
  await eventually(() => (isAlive(running) ? undefined : true));
  await expect(twin.invoke("hangs")).rejects.toThrow("stopping");
});

test("ends what is only starting, with the clock put forward too", async () => {
  await begin();
  await twin.deployFunction("slow", `await new Promise((done) => setTimeout(done, 60_000)); ${GATED}`);
  twin.kernel.clock.advance(60_000);
  const invoked = twin.invoke("slow");
  await twin.stop();
  await expect(invoked).rejects.toThrow("stopping");
});

// https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
test("refuses more than the reserved concurrency with 429", async () => {
  await begin();
  await twin.deployFunction("gated", GATED, { ReservedConcurrentExecutions: 1, TracingConfig: { Mode: "Active" } });
  const running = pid("gated", { gate: `${OPEN}.absent` });
  await expect(twin.invoke("gated")).rejects.toMatchObject({
    code: "TooManyRequestsException",
    status: 429,
    message: "Rate Exceeded.",
    body: { Reason: "ReservedFunctionConcurrentInvocationLimitExceeded", Type: "User" },
  });
  await twin.call("lambda", "DeleteFunctionConcurrency", { FunctionName: "gated" });
  expect(await pid("gated")).toBeGreaterThan(0);
  await twin.stop();
  await running;
});

test("refuses everything at a reserved concurrency of 0, which can be set while it runs", async () => {
  await begin();
  await twin.deployFunction("gated", GATED);
  const put = (amount: number) =>
    twin.call("lambda", "PutFunctionConcurrency", { FunctionName: "gated", ReservedConcurrentExecutions: amount });
  expect(await put(0)).toEqual({ ReservedConcurrentExecutions: 0 });
  await expect(twin.invoke("gated")).rejects.toMatchObject({ code: "TooManyRequestsException" });
  expect(await twin.call("lambda", "GetFunction", { FunctionName: "gated" })).toMatchObject({
    Concurrency: { ReservedConcurrentExecutions: 0 },
  });
  await expect(put(901)).rejects.toMatchObject({ code: "InvalidParameterValueException" });
  await expect(put(-1)).rejects.toMatchObject({ code: "InvalidParameterValueException" });
});

function isAlive(process_: number): boolean {
  try {
    return process.kill(process_, 0);
  } catch {
    return false;
  }
}
