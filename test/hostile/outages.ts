import type { HostileFleet } from "./fleet.ts";
import type { Random } from "./random.ts";

/** A system that is away for minutes: what it answers meanwhile, and what happens to it at both ends. */
export interface Outage {
  readonly name: string;
  readonly system: "salesforce" | "stripe" | "slack";
  readonly faults: readonly object[];
  readonly begin?: (fleet: HostileFleet) => Promise<unknown>;
  readonly end?: (fleet: HostileFleet) => Promise<unknown>;
}

/** The requests of the fleet alone: people use another version of the API. */
const FLEETS = "/services/data/v66.0/**";
const ALWAYS = { method: "*", times: 1_000_000_000 };
const page = { status: 503, body: "<html><body>We are down for maintenance.</body></html>" };
const down = { status: 503, body: { error: { type: "api_error", message: "down" } } };
const slowDown = { status: 429, body: { error: { type: "invalid_request_error", code: "rate_limit" } } };

export const OUTAGES: readonly Outage[] = [
  { name: "Stripe down", system: "stripe", faults: [{ ...ALWAYS, path: "/v1/**", ...down }] },
  {
    name: "Stripe asks one endpoint to wait",
    system: "stripe",
    faults: [{ ...ALWAYS, method: "POST", path: "/v1/customers/*", ...slowDown, headers: { "retry-after": "40" } }],
  },
  {
    name: "Stripe creates nothing",
    system: "stripe",
    faults: [{ ...ALWAYS, method: "POST", path: "/v1/customers", error: "apiError" }],
  },
  {
    name: "Stripe refuses the key",
    system: "stripe",
    faults: [],
    begin: (fleet) => control(fleet.current.saas.stripe.url, "roll-key"),
    end: (fleet) =>
      fleet.aws("secretsmanager", "PutSecretValue", {
        SecretId: "connector-fleet/local/stripe",
        SecretString: JSON.stringify(fleet.current.saas.connections().stripe),
      }),
  },
  {
    name: "Salesforce down",
    system: "salesforce",
    faults: [{ ...ALWAYS, path: FLEETS, ...page, headers: { "retry-after": "60" } }],
  },
  { name: "Slack down", system: "slack", faults: [{ ...ALWAYS, path: "/api/chat.postMessage", status: 503 }] },
  {
    name: "Slack asks to wait",
    system: "slack",
    faults: [{ ...ALWAYS, path: "/api/chat.postMessage", status: 429, headers: { "retry-after": "30" } }],
  },
];

/** Trouble by chance, which goes on until the calm. */
function chanceOf(random: Random): Readonly<Record<Outage["system"], readonly object[]>> {
  const seed = () => random.between(1, 1_000_000);
  const writes = { method: "POST", path: "/v1/customers**" };
  return {
    salesforce: [
      // Each of these three costs a login, and whoever logs in too often in a real minute has to wait.
      { error: "socketReset", probability: 0.003 },
      { error: "truncatedBody", probability: 0.003 },
      { error: "sessionExpired", probability: 0.003 },
      { error: "serverUnavailable", probability: 0.01 },
      { error: "serverUnavailableHtml", probability: 0.005 },
      { error: "concurrentLimit", probability: 0.01 },
      { error: "slow", delayMs: 300, probability: 0.02 },
      { error: "rowLock", method: "PATCH", probability: 0.05, body: { recordProbability: 0.2, seed: seed() } },
      { error: "socketResetAfterEffect", method: "PATCH", probability: 0.02 },
    ].map((fault) => ({ method: "*", path: FLEETS, seed: seed(), ...fault })),
    stripe: [
      { error: "rateLimit", probability: 0.02 },
      { error: "lockTimeout", probability: 0.01 },
      { error: "apiError", probability: 0.01 },
      { status: 500, body: { error: { type: "api_error", message: "boom" } }, probability: 0.01 },
      { error: "socketResetAfterEffect", probability: 0.02 },
      { error: "timeoutAfterSuccess", nth: random.between(5, 100) },
    ].map((fault) => ({ ...writes, seed: seed(), ...fault })),
    slack: [{ status: 500 }, { status: 429, headers: { "retry-after": "1" } }].map((fault) => ({
      method: "POST",
      path: "/api/chat.postMessage",
      seed: seed(),
      probability: 0.05,
      ...fault,
    })),
  };
}

/** Arms all systems anew; the emulators forget their faults when they stop. Whatever is out fails before chance decides. */
export function armSystems(fleet: HostileFleet, outages: ReadonlySet<Outage>, random: Random): void {
  const chance = chanceOf(random);
  for (const system of ["salesforce", "stripe", "slack"] as const) {
    const { faults } = fleet.current.saas[system];
    const out = [...outages].filter((outage) => outage.system === system).flatMap((outage) => outage.faults);
    faults.clear();
    for (const fault of [...out, ...chance[system]]) faults.add(fault);
  }
}

async function control(url: string, path: string): Promise<void> {
  const { ok, status } = await fetch(`${url}/__emulator__/${path}`, { method: "POST" });
  if (!ok) throw new Error(`The control ${path} answered ${status}.`);
}
