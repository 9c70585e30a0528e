import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { localFleet, runningFile } from "../cli/endpoint.ts";
import { type Paint, painter, renderTree } from "../cli/trace/render.ts";
import { buildTree } from "../cli/trace/tree.ts";
import type { Hop } from "./demo/hops.ts";
import { type Report, runDemo } from "./demo/run.ts";
import { describeReport, describeRunning } from "./demo/text.ts";
import { type Fleet, startFleet } from "./fleet.ts";
import { HELP, parseOptions, type StartOptions } from "./options.ts";

/** Runs the fleet as the options say; the exit code when it ends by itself. */
async function main(options: StartOptions): Promise<number> {
  // With --json the last line of standard output is for machines, so people read standard error.
  const stream = options.json ? process.stderr : process.stdout;
  const say = (line: string) => void stream.write(`${line}\n`);
  const paint = painter(stream);
  const state = join(options.stateDir, "state");
  const running = runningFile(options.stateDir);
  const began = Date.now();
  let fleet: Fleet | undefined;
  try {
    const other = localFleet(options.stateDir);
    if (other)
      throw new Error(`a fleet already runs on this state at ${other.origin} (process ${other.pid}); stop it first.`);
    if (options.reset) rmSync(state, { recursive: true, force: true });
    fleet = await startFleet({
      portBase: options.portBase,
      largestUpload: options.uploadMib * 1024 ** 2,
      stateDir: state,
      say,
    });
    announce(fleet, running);
    say(paint("bold", `The fleet is up after ${((Date.now() - began) / 1000).toFixed(1)} s.`));
    const report = options.demo ? await demonstrate(fleet, say, paint) : undefined;
    if (options.json) process.stdout.write(`${JSON.stringify(report ?? { ok: true })}\n`);
    if (!options.once) {
      say(describeRunning(fleet, options.stateDir));
      await interrupted();
      say("Stopping …");
    }
    return report && !report.ok ? 1 : 0;
  } catch (error) {
    const { message } = error as Error;
    say(paint("red", `error: ${message}`));
    if (options.json) process.stdout.write(`${JSON.stringify({ ok: false, error: message, failedHop: "start" })}\n`);
    return 1;
  } finally {
    if (fleet) rmSync(running, { force: true });
    await fleet?.stop();
  }
}

async function demonstrate(fleet: Fleet, say: (line: string) => void, paint: Paint): Promise<Report> {
  say("\nA person edits an account in Salesforce. Every hop of the change, as it happens:");
  const { report, trace } = await runDemo(fleet, (hop) => say(describeHop(hop, paint)));
  say(describeReport(report, paint));
  if (trace) say(`\n${renderTree(trace.traceId, buildTree(trace.documents), paint)}`);
  return report;
}

function describeHop({ name, ms, error }: Hop, paint: Paint): string {
  const text = `${paint("dim", `+${ms} ms`.padStart(10))}  ${name}`;
  return error ? `${text}  ${paint("red", error)}` : text;
}

/** Leaves word for `fleet` where this fleet listens. */
function announce(fleet: Fleet, file: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, JSON.stringify({ origin: fleet.twin.origin, pid: process.pid }));
}

function interrupted(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
  });
}

try {
  const options = parseOptions(process.argv.slice(2));
  if (options.help) console.log(HELP);
  else process.exitCode = await main(options);
} catch (error) {
  console.error(`error: ${(error as Error).message}; see 'npm start -- --help'`);
  process.exitCode = 2;
}
