import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { runDemo } from "../../local/demo/run.ts";
import { startFleet } from "../../local/fleet.ts";
import { packagedTemplate } from "../support/fleet.ts";

const ROOT = join(import.meta.dirname, "..", "..");

let state: string;
beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), "fleet-start-"));
});
afterEach(() => rmSync(state, { recursive: true, force: true }));

/** Runs local/start.ts to its end. */
function start(...args: string[]): Promise<{ code: number | null; lines: string[]; errors: string }> {
  const child = spawn(process.execPath, [join(ROOT, "local", "start.ts"), "--state", state, ...args]);
  let output = "";
  let errors = "";
  child.stdout.on("data", (chunk) => {
    output += chunk;
  });
  child.stderr.on("data", (chunk) => {
    errors += chunk;
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, lines: output.trim().split("\n"), errors }));
  });
}

/** The first of six neighbouring ports that are free now. */
async function freePorts(): Promise<{ base: number; take(offset: number): Promise<() => void> }> {
  const listen = (port: number) =>
    new Promise<{ port: number; close(): void }>((resolve, reject) => {
      const server = createServer();
      server.on("error", reject);
      server.listen(port, "127.0.0.1", () => {
        resolve({ port: (server.address() as { port: number }).port, close: () => server.close() });
      });
    });
  const first = await listen(0);
  first.close();
  const base = Math.min(first.port, 65_000);
  return { base, take: async (offset) => (await listen(base + offset)).close };
}

describe("npm start -- --once --json", () => {
  test("ends with exit code 0 and one JSON object that shows the change in every target", async () => {
    const { base } = await freePorts();
    const { code, lines, errors } = await start("--once", "--json", "--port-base", String(base));
    expect([code, errors]).toEqual([0, expect.stringContaining("In step after")]);
    expect(lines).toHaveLength(1);
    const report = JSON.parse(lines.at(-1) ?? "");
    expect(report).toMatchObject({
      ok: true,
      customerId: expect.stringMatching(/^001.{15}$/),
      correlationId: expect.stringMatching(/^[0-9a-f]{32}$/),
      traceId: expect.stringMatching(/^1-/),
      store: { name: "Northwind Traders" },
      billing: { id: expect.stringMatching(/^cus_/), name: "Northwind Traders" },
      slack: { text: expect.any(String) },
      account: { stripeCustomerId: report.billing.id, state: "synced", syncedAt: expect.any(String) },
      trace: { orphans: 0, roots: 1 },
    });
    const names = report.hops.map(({ name }: { name: string }) => name);
    expect(names).toEqual(
      expect.arrayContaining([
        "Event Relay → partner bus",
        "salesforce-capture → fleet bus",
        "flows-dispatch → state machine customer-sync",
        "queue → function slack-notify",
        "queue → function salesforce-write-back",
      ]),
    );
    expect(errors).not.toContain("\u001b[");
  }, 90_000);

  test("with a port taken ends with exit code 1 and says which", async () => {
    const { base, take } = await freePorts();
    const free = await take(2);
    const { code, lines } = await start("--once", "--json", "--port-base", String(base));
    free();
    expect(code).toBe(1);
    expect(JSON.parse(lines.at(-1) ?? "")).toMatchObject({
      ok: false,
      error: expect.stringContaining(`127.0.0.1:${base + 2}`),
      failedHop: "start",
    });
  }, 60_000);
});

test("an unknown option ends with exit code 2 and points to the help", async () => {
  const { code, errors } = await start("--onec");
  expect(code).toBe(2);
  expect(errors).toContain("--help");
});

test("a change that cannot arrive is reported with the hop where it stopped", async () => {
  const template = await packagedTemplate();
  const { Policies } = template.Resources.CustomersDashupsertIamRoleLambdaExecution.Properties;
  for (const { PolicyDocument } of Policies)
    for (const statement of PolicyDocument.Statement)
      statement.Action = [statement.Action].flat().filter((action: string) => action !== "dynamodb:UpdateItem");
  const fleet = await startFleet({ template });
  try {
    const { report } = await runDemo(fleet, () => undefined);
    expect(report).toMatchObject({
      ok: false,
      failedHop: "customers-upsert → table customers",
      error: expect.stringContaining("dynamodb:UpdateItem"),
      store: null,
    });
  } finally {
    await fleet.stop();
  }
}, 60_000);
