import { afterEach, expect, test } from "@jest/globals";
import { createHarness, type Harness, type HarnessOptions } from "./harness.ts";

let twin: Harness;
afterEach(() => twin.stop());

/** Runs the function and gives back its log once it has all arrived. */
async function logOf(source: string, properties: object = {}, options: HarnessOptions = {}): Promise<string[]> {
  twin = createHarness(options);
  await twin.deployFunction("logs", source, properties);
  await twin.invoke("logs");
  await twin.invoke("logs");
  await twin.stop();
  return twin.logLines();
}

// https://docs.aws.amazon.com/lambda/latest/dg/nodejs-logging.html
test("console, standard output and the platform's lines come in order, one event per message", async () => {
  const lines = await logOf(`console.log("loading"); export const handler = async () => {
    console.info("two\\nlines %s", { a: 1 }); process.stdout.write("raw\\nunfinished"); console.error("last"); }`);
  const id = "[0-9a-f-]{36}";
  const time = "\\d{4}-\\d\\d-\\d\\dT[\\d:.]+Z";
  expect(lines).toEqual([
    expect.stringMatching(new RegExp(`^${time}\tundefined\tINFO\tloading$`)),
    expect.stringMatching(new RegExp(`^START RequestId: ${id} Version: \\$LATEST$`)),
    expect.stringMatching(new RegExp(`^${time}\t${id}\tINFO\ttwo\nlines { a: 1 }$`)),
    "raw",
    "unfinished",
    expect.stringMatching(new RegExp(`^${time}\t${id}\tERROR\tlast$`)),
    expect.stringMatching(new RegExp(`^END RequestId: ${id}$`)),
    expect.stringMatching(
      /^REPORT RequestId: .*\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\tMemory Size: 128 MB\tMax Memory Used: \d+ MB\tInit Duration: [\d.]+ ms\t$/,
    ),
    expect.stringMatching(/^START/),
    expect.stringMatching(/INFO\ttwo/),
    "raw",
    "unfinished",
    expect.stringMatching(/ERROR\tlast/),
    expect.stringMatching(/^END/),
    expect.not.stringContaining("Init Duration"),
  ]);
});

test("the function's own role makes the stream and writes to it", async () => {
  await logOf("export const handler = async () => 1", { LoggingConfig: { LogGroup: "/shared" } });
  expect(twin.calls[0]).toMatchObject({ operation: "CreateLogStream", input: { logGroupName: "/shared" } });
  expect(twin.calls.every(({ caller }) => caller === "arn:aws:iam::123456789012:role/function/logs")).toBe(true);
  const streams = new Set(twin.calls.map(({ input }) => input.logStreamName));
  expect(streams.size).toBe(1);
});

test("JSON format, with a level for the application and for the platform", async () => {
  const LoggingConfig = { LogFormat: "JSON", ApplicationLogLevel: "WARN" };
  const source = `export const handler = async () => { console.info("hidden"); console.warn("shown", 1);
    console.error(new TypeError("bad")); const round = {}; round.round = round; console.error(round) }`;
  const lines = (await logOf(source, { LoggingConfig })).map((line) => JSON.parse(line));
  expect(lines.slice(0, 5)).toEqual([
    { time: expect.any(String), type: "platform.start", record: expect.objectContaining({ version: "$LATEST" }) },
    expect.objectContaining({ level: "WARN", message: "shown 1", requestId: expect.any(String) }),
    expect.objectContaining({ level: "ERROR", message: expect.objectContaining({ errorType: "TypeError" }) }),
    expect.objectContaining({ level: "ERROR", message: expect.stringContaining("[Circular") }),
    expect.objectContaining({ type: "platform.report", record: expect.objectContaining({ status: "success" }) }),
  ]);
});

test("without the permission the lines are lost, the function runs, and one refused call shows it", async () => {
  const lines = await logOf(
    "export const handler = async () => console.log(1)",
    {},
    { denied: ["logs:CreateLogStream"] },
  );
  expect(lines).toEqual([]);
  const refused = twin.activities.filter(({ error }) => error);
  expect(refused).toMatchObject([{ service: "logs", operation: "CreateLogStream" }]);
});

test("a thrown error, a timeout and a crash are in the log", async () => {
  const source = `export const handler = async () => { if (process.env.HOW === "throw") throw new TypeError("bad");
    if (process.env.HOW === "exit") process.exit(1); setInterval(() => {}, 1000); await new Promise(() => {}) }`;
  const log = async (HOW: string) =>
    (await logOf(source, { Timeout: 1, Environment: { Variables: { HOW } } })).join("\n");
  expect(await log("throw")).toMatch(/ERROR\tInvoke Error \{"errorType":"TypeError","errorMessage":"bad","stack":\[/);
  expect(await log("exit")).toMatch(/Status: error\tError Type: Runtime.ExitError/);
  expect(await log("hang")).toMatch(
    /Z [0-9a-f-]{36} Task timed out after 1\.00 seconds\nEND .*\nREPORT .*Status: timeout/,
  );
});
