import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { expectInStep, startTestFleet, type TestFleet } from "../support/fleet.ts";
import { eventually, untilQuiet } from "../support/wait.ts";

// Stripe's named waits: stripe-trouble.test.ts.
const WAIT_SECONDS = 40;
const HEADERS = { "retry-after": String(WAIT_SECONDS) };

let fleet: TestFleet;

beforeAll(async () => {
  fleet = await startTestFleet();
  // So the person has a session, and the fleet none yet.
  await fleet.accounts();
}, 60_000);

afterAll(() => fleet?.stop());

test.each([
  [
    "Salesforce's token endpoint",
    "salesforce" as const,
    { path: "/services/oauth2/token", status: 503, headers: HEADERS, body: "<html>down</html>" },
  ],
  [
    "Salesforce",
    "salesforce" as const,
    {
      path: "/services/data/*/composite/sobjects/Account",
      status: 503,
      headers: HEADERS,
      body: [{ message: "Server Unavailable", errorCode: "SERVER_UNAVAILABLE" }],
    },
  ],
  [
    "Slack",
    "slack" as const,
    { path: "/api/chat.postMessage", status: 429, headers: HEADERS, body: { ok: false, error: "ratelimited" } },
  ],
])(
  "%s names a wait of 40 s: no call in it, not a second too early, and the change arrives after it",
  async (name, system, fault) => {
    // What was written back of the last change is no part of this one.
    await fleet.pass(5, 5);
    await untilQuiet(fleet.kernel);
    const { faults, calls } = fleet.saas[system];
    const heard: { readonly status: number; readonly at: number }[] = [];
    const hear = ({ status }: { status: number }) => heard.push({ status, at: fleet.clock.now() });
    faults.add({ method: "POST", ...fault });
    calls.on("call", hear);
    await fleet.createAccount(`Made while ${name} is busy`);
    await eventually(() => expect(heard.map(({ status }) => status)).toContain(fault.status));
    const asked = heard.findIndex(({ status }) => status === fault.status);
    await fleet.pass(WAIT_SECONDS - 10, 5);
    await eventually(async () => {
      await fleet.pass(1, 1);
      expect(heard.length).toBeGreaterThan(asked + 1);
    }, 90_000);
    calls.off("call", hear);
    const [first, next] = heard.slice(asked);
    expect(((next?.at ?? 0) - (first?.at ?? 0)) / 1000).toBeGreaterThanOrEqual(WAIT_SECONDS);
    await eventually(() => expectInStep(fleet), 90_000);
    expect(await fleet.parked()).toEqual([]);
  },
  180_000,
);
