import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packageFleet } from "../local/packaging.ts";

const ROOT = join(import.meta.dirname, "..");
const JEST = join(ROOT, "node_modules", "jest", "bin", "jest.js");
const HELP = `Packages the fleet and runs the tests.

usage: npm test [-- <jest arguments>], such as npm test -- local/aws/events

The last line says how many passed, failed and were skipped. Exit code 0 means that all of at least one test passed.`;

interface Results {
  readonly success: boolean;
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly numFailedTestSuites: number;
}

/** What a test left open would keep jest from ending for ever. */
const GRACE_MS = 30_000;

/** Runs jest; `undefined` when it ended without results. */
async function runJest(args: string[]): Promise<Results | undefined> {
  const folder = mkdtempSync(join(tmpdir(), "fleet-test-"));
  const outputFile = join(folder, "results.json");
  const flags = ["--experimental-vm-modules", "--no-warnings", JEST, "--json", `--outputFile=${outputFile}`];
  // With --json jest would also print the results to standard output.
  const jest = spawn(process.execPath, [...flags, ...args], { cwd: ROOT, stdio: ["inherit", "ignore", "inherit"] });
  const watch = setInterval(() => {
    if (!existsSync(outputFile)) return;
    clearInterval(watch);
    setTimeout(() => jest.kill("SIGKILL") && console.error("warning: a test left something open."), GRACE_MS).unref();
  }, 1000);
  await once(jest, "close");
  clearInterval(watch);
  try {
    return JSON.parse(readFileSync(outputFile, "utf8"));
  } catch {
    return undefined;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function main(args: string[]): Promise<number> {
  if (args.includes("--help") || args.includes("-h")) {
    console.log(HELP);
    return 0;
  }
  await packageFleet("local", (line) => console.error(line));
  const results = await runJest(args);
  if (!results) {
    console.error("error: the tests did not run to their end.");
    return 1;
  }
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, numFailedTestSuites, success } = results;
  // A suite that could not even load holds no tests, but is a failure all the same.
  const failed = numFailedTests > 0 ? numFailedTests : numFailedTestSuites;
  console.log(`Tests: ${numPassedTests} passed, ${failed} failed, ${numPendingTests + numTodoTests} skipped`);
  return success && numPassedTests > 0 ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
