import { copyFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { serve } from "#shared/testing/server.ts";
import { runFleetIn } from "./testing.ts";

const ROOT = join(import.meta.dirname, "..");
const clone = mkdtempSync(join(tmpdir(), "fleet-clone-"));
const server = await serve(() => ({ body: { Items: [] } }));

/** A clone of the repository in which a fleet runs. */
beforeAll(() => {
  cpSync(join(ROOT, "cli"), join(clone, "cli"), { recursive: true });
  copyFileSync(join(ROOT, "package.json"), join(clone, "package.json"));
  for (const name of ["functions", "local", "shared", "node_modules"]) symlinkSync(join(ROOT, name), join(clone, name));
  mkdirSync(join(clone, ".twin"));
  const running = { origin: server.url, pid: process.pid };
  writeFileSync(join(clone, ".twin", "running.json"), JSON.stringify(running));
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(clone, { recursive: true });
});

const fleet = (args: readonly string[]) => runFleetIn({}, args, { main: join(clone, "cli", "main.ts") });

test("a command that connects to the fleet of this machine says so", async () => {
  const { code, out, err } = await fleet(["parked"]);
  expect([code, out, err]).toEqual([0, "Nothing is parked.\n", `Reading the local fleet at ${server.url}.\n`]);
});

test.each([
  [["status", "--wrong"]],
  [["behind", "--target", "slack"]],
  [["behind", "--limit", "0"]],
  [["parked", "--limit", "0"]],
  [["parked", "--since", "yesterday"]],
  [["parked", "show"]],
  [["parked", "show", "abc"]],
  [["parked", "show", "abcdef", "--wrong"]],
  [["redrive"]],
  [["redrive", "--wrong"]],
  [["redrive", "--all", "--rate", "0"]],
  [["redrive", "--customer", "acme"]],
  [["discard", "--all"]],
  [["discard", "--reason", "junk"]],
  [["trace", "correlation-1", "--since", "1w"]],
  [["doctor", "--org", "acme"]],
  [["sweep", "--org", "acme"]],
  [["sweep", "--to", "2026-01-01T00:00:00Z"]],
  [["catch-up", "--org", "acme"]],
  [["catch-up", "--grace", "x"]],
  [["backfill"]],
  [["backfill", "plan", "--org", "acme"]],
  [["backfill", "start", "--yes", "--page", "1"]],
  [["backfill", "start"]],
  [["replay"]],
  [["replay", "--from", "1h", "--to", "2h"]],
])("%j is told before anything is connected", async (args) => {
  server.requests.length = 0;
  const { code, out, err } = await fleet(args);
  expect([code, out, server.requests]).toEqual([2, "", []]);
  expect(err).toMatch(/^error: [^\n]+; see 'fleet [a-z-]+ --help'\n$/);
});
