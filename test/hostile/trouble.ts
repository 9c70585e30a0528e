import { setTimeout as sleep } from "node:timers/promises";
import { AwsError } from "../../local/aws/kernel/errors.ts";
import type { Fault } from "../../local/aws/kernel/kernel.ts";
import type { HostileFleet } from "./fleet.ts";
import type { Ledger } from "./ledger.ts";
import type { PeoplesOrg } from "./org.ts";
import { armSystems, OUTAGES, type Outage } from "./outages.ts";
import type { Random } from "./random.ts";

/** What trouble is made with. */
export interface Troubled {
  readonly fleet: HostileFleet;
  readonly org: PeoplesOrg;
  readonly ledger: Ledger;
  readonly random: Random;
  /** What is out just now. */
  readonly outages: Set<Outage>;
}

type Trouble = (on: Troubled) => Promise<unknown>;

/** Trouble before the operation of this number. */
export interface Planned {
  readonly at: number;
  readonly name: string;
  readonly make: Trouble;
}

const control =
  (path: string, input: object = {}): Trouble =>
  ({ org }) =>
    org.control(path, input);

const crash =
  (service: string, operation: string, afterEffect: boolean, resource?: string): Trouble =>
  async ({ fleet }) => {
    const fault = { service, operation, times: 1, crash: true, afterEffect, ...(resource ? { resource } : {}) };
    fleet.current.kernel.faults.push(fault);
  };

const throttle =
  (service: string, operation: string, code: string): Trouble =>
  async ({ fleet }) => {
    const fault: Fault = { service, operation, times: 2, error: new AwsError(code, "Slow down.", { status: 400 }) };
    fleet.current.kernel.faults.push(fault);
  };

const ask =
  (entity: string, full: boolean): Trouble =>
  ({ fleet }) =>
    fleet.request("reconciliation.requested", { entity, reason: "manual", full });

const catchUp: Trouble = ({ fleet, random }) =>
  fleet.request("catch-up.requested", { graceSeconds: random.pick([0, 1, 120]) });

const killFunctions: Trouble = async ({ fleet }) => fleet.killFunctions();

const gapOfSome: Trouble = ({ org, ledger, random }) =>
  org.control("gap", { recordIds: random.some(ledger.alive(), 3).map(({ id }) => id) });

const migrate: Trouble = async (on) => {
  await on.org.control("replay/invalidate");
  await catchUp(on);
};

const beginOutage =
  (outage: Outage): Trouble =>
  async (on) => {
    if (on.outages.has(outage)) return;
    on.outages.add(outage);
    await outage.begin?.(on.fleet);
    armSystems(on.fleet, on.outages, on.random);
  };

const endOutage =
  (outage: Outage): Trouble =>
  async (on) => {
    if (!on.outages.delete(outage)) return;
    await outage.end?.(on.fleet);
    armSystems(on.fleet, on.outages, on.random);
  };

const addTrigger: Trouble = ({ org, random }) =>
  org.control("triggers", { client: "connector-fleet", ...random.pick(TRIGGERS) });

/** They set another field in the transaction of our own write. */
const TRIGGERS = [
  { field: "Phone", value: "+1 555 0199" },
  { field: "Plan__c", value: "Team" },
  { field: "Industry", value: "Biotechnology" },
  { on: "Contact", field: "Title", value: "Derived" },
];
const NO_AUTH = { kind: "fail", code: "UNAUTHENTICATED", errorCode: "service.auth.error" };
const BUDGET = 100_000;
const NEAR_LIMIT = "daily limit near";
/** Time passes after every fifth operation: an outage of thirty operations lasts four minutes. */
export const OUTAGE_STEP = 5;
const OUTAGE_STEP_MS = 40_000;
const OUTAGE_LENGTH = 30;
const IDLE_PATIENCE_MS = 1_000;
const IDLE_POLL_MS = 5;

/** What lasts for some operations: how it begins, how it ends, and how often it happens in 2,000 operations. */
const SPELLS: readonly { name: string; times: number; length: number; begin: Trouble; end: Trouble }[] = [
  {
    name: "relay paused",
    times: 3,
    length: 60,
    begin: control("relay", { state: "PAUSE" }),
    end: control("relay", { state: "RUN" }),
  },
  {
    name: "relay stopped",
    times: 2,
    length: 40,
    begin: control("relay", { state: "STOP" }),
    end: control("relay", { state: "RUN" }),
  },
  {
    name: NEAR_LIMIT,
    times: 1,
    length: 60,
    begin: async (on) => {
      await on.org.control("limits", { used: BUDGET * 0.9, max: BUDGET });
      await ask("Account", false)(on);
    },
    end: control("limits", { used: 100 }),
  },
  {
    name: "trigger",
    times: 3,
    length: 150,
    begin: addTrigger,
    end: ({ org }) => org.control("triggers", {}, "DELETE"),
  },
  ...OUTAGES.map((outage) => ({
    name: outage.name,
    times: 2,
    length: OUTAGE_LENGTH,
    begin: beginOutage(outage),
    end: endOutage(outage),
  })),
];

/** What happens at once, and how often in 2,000 operations. */
const BLOWS: readonly (readonly [name: string, times: number, make: Trouble])[] = [
  ["expired sessions", 5, control("tokens/expire")],
  ["gap of all accounts", 1, control("gap", { recordIds: ["001*"] })],
  ["gap of some accounts", 3, gapOfSome],
  ["overflow", 1, control("event-faults", { kind: "overflow" })],
  ["catch-up", 6, catchUp],
  ["sweep of accounts", 2, ask("Account", false)],
  ["sweep of contacts", 2, ask("Contact", false)],
  ["full sweep", 1, ask("Account", true)],
  ["Pub/Sub cut", 2, control("pubsub-faults", { kind: "cut", afterEvents: 5 })],
  ["Pub/Sub unavailable", 1, control("pubsub-faults", { kind: "unavailable" })],
  ["Pub/Sub session refused", 1, control("pubsub-faults", NO_AUTH)],
  ["Pub/Sub doubles events", 1, control("pubsub-faults", { kind: "duplicate" })],
  ["org migrated", 1, migrate],
  ["all functions killed", 8, killFunctions],
  ["crash before PutEvents", 2, crash("events", "PutEvents", false)],
  ["crash after PutEvents", 2, crash("events", "PutEvents", true)],
  ["crash before a customer is stored", 2, crash("dynamodb", "UpdateItem", false)],
  ["crash after a customer is stored", 3, crash("dynamodb", "UpdateItem", true)],
  ["crash before the workflow", 2, crash("states", "StartSyncExecution", false)],
  ["crash after the workflow", 2, crash("states", "StartSyncExecution", true)],
  ["crash before messages are sent", 1, crash("sqs", "SendMessageBatch", false)],
  ["crash after messages are sent", 1, crash("sqs", "SendMessageBatch", true)],
  ["crash after state is kept", 2, crash("dynamodb", "PutItem", true, "salesforce-state")],
  ["store throttled", 3, throttle("dynamodb", "UpdateItem", "ProvisionedThroughputExceededException")],
  ["state throttled", 2, throttle("dynamodb", "BatchWriteItem", "ProvisionedThroughputExceededException")],
];

/** The trouble of a run, in the order of the operations. */
export function planTrouble(operations: number, random: Random): Planned[] {
  const scaled = (times: number) => Math.max(1, Math.round((times * operations) / 2_000));
  // Before everything, the catch-up finds its first position.
  const plan: Planned[] = [{ at: 0, name: "first catch-up", make: catchUp }];
  const first = Math.min(50, Math.floor(operations / 10));
  for (const { name, times, length, begin, end } of SPELLS)
    for (let time = 0; time < scaled(times); time += 1) {
      // Whoever met the limit remembers it for a while; the first restart lets it be forgotten.
      const at = random.between(first, name === NEAR_LIMIT ? Math.ceil(operations / 4) : operations);
      plan.push(
        { at, name, make: begin },
        { at: at + random.between(length / 2, length), name: `${name}: over`, make: end },
      );
    }
  for (const [name, times, make] of BLOWS)
    for (let time = 0; time < scaled(times); time += 1)
      plan.push({ at: random.between(first, operations), name, make });
  return plan.sort((a, b) => a.at - b.at);
}

/** Trouble by chance, and what is out just now; the emulators forget both when they stop. */
export async function arm({ fleet, org, random, outages }: Troubled): Promise<void> {
  armSystems(fleet, outages, random);
  const known = (await org.control("event-faults", {}, "GET")).body as unknown[];
  if (known.length > 0) return;
  for (const kind of ["drop", "duplicate", "reorder", "gap"])
    await org.control("event-faults", { kind, probability: 0.03, seed: random.between(1, 1_000_000) });
}

/**
 * Lets time go by while a system is out: people do as much in minutes as they otherwise do in seconds. Functions take as
 * long as they take, so a moment is preferred at which none works.
 */
export async function passTime({ fleet, outages }: Pick<Troubled, "fleet" | "outages">): Promise<void> {
  if (outages.size === 0) return;
  const { kernel, clock } = fleet.current;
  const deadline = performance.now() + IDLE_PATIENCE_MS;
  while (kernel.underWay("lambda", "Invoke") > 0 && performance.now() < deadline) await sleep(IDLE_POLL_MS);
  clock.advance(OUTAGE_STEP_MS);
}

/** Ends all that is out, for good. */
export async function endOutages({ fleet, outages }: Pick<Troubled, "fleet" | "outages">): Promise<void> {
  for (const { end } of outages) await end?.(fleet);
  outages.clear();
}
