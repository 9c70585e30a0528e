import { setTimeout as sleep } from "node:timers/promises";
import type { Access, Principal } from "../../local/aws/kernel/service.ts";
import { arnIn, placesOf, withoutActions, withoutQueuePolicy } from "../faults/permissions.ts";
import { startTestFleet, type TestFleet } from "../support/fleet.ts";
import type { Grant } from "./grants.ts";

/** A fleet that works without some of its permissions, and what IAM refused so far. */
export interface Lab {
  readonly fleet: TestFleet;
  readonly refusals: Refusal[];
  stop(): Promise<void>;
}

interface Refusal {
  readonly principal: Principal;
  readonly access: Access;
}

/** What makes permissions be used that nothing in the fault matrix takes away while they are. */
export interface Step {
  /** When they are used, for the table. */
  readonly when: string;
  /** How the table calls what many have, each of its own. */
  readonly each?: string;
  readonly grants: RegExp;
  /** Only functions that have not worked yet use them. */
  readonly fresh?: boolean;
  /** While all permissions are there. */
  prepare?(lab: Lab): Promise<void>;
  /** Without those of `grants`, all at once. */
  drive(lab: Lab): Promise<void>;
  /** With all of them back. */
  mend?(lab: Lab): Promise<void>;
}

/** How often a grant was missed; 0 means that nobody did. */
export interface Missed {
  readonly grant: Grant;
  readonly hits: number;
}

/** Only what nobody misses is waited for so long, on a busy machine too. */
const PATIENCE_MS = 120_000;
const POLL_MS = 50;

export async function startLab(): Promise<Lab> {
  const fleet = await startTestFleet();
  const { identities } = fleet.twin;
  const { authorize } = identities;
  const refusals: Refusal[] = [];
  // Not every question to IAM is a call that the activity tells of.
  identities.authorize = (principal, access) => {
    try {
      authorize(principal, access);
    } catch (refused) {
      refusals.push({ principal, access });
      throw refused;
    }
  };
  return { fleet, refusals, stop: () => fleet.stop() };
}

/** Takes grants away, makes the fleet need them, and gives them back. */
export async function workStep(lab: Lab, step: Step, grants: readonly Grant[]): Promise<Missed[]> {
  await step.prepare?.(lab);
  const since = lab.refusals.length;
  const giveBack = await Promise.all(grants.map((grant) => takeAway(lab.fleet, grant)));
  const missed = () => {
    const refusals = lab.refusals.slice(since);
    return grants.map((grant): Missed => {
      const isIts = refusalOf(lab.fleet, grant);
      return { grant, hits: refusals.filter(isIts).length };
    });
  };
  const deadline = Date.now() + PATIENCE_MS;
  try {
    await step.drive(lab);
    while (missed().some(({ hits }) => hits === 0) && Date.now() < deadline) await sleep(POLL_MS);
    return missed();
  } finally {
    for (const give of giveBack) await give();
    await step.mend?.(lab);
  }
}

async function takeAway(fleet: TestFleet, { kind, owner, action }: Grant): Promise<() => void | Promise<void>> {
  if (kind === "policy") return withoutQueuePolicy(fleet, fleet.ref(owner));
  return withoutActions(fleet, owner, [action.name], placesIn(fleet, action));
}

/** Whether a refusal is one for want of this grant. */
function refusalOf(fleet: TestFleet, { kind, owner, action }: Grant): (refusal: Refusal) => boolean {
  const isPlace = placesIn(fleet, action);
  const role = arnIn(fleet, owner);
  return ({ principal, access }) =>
    access.action === action.name &&
    isPlace(access.resource) &&
    (kind === "policy" ? principal.kind === "service" : principal.kind === "role" && principal.roleArn === role);
}

/** A log group is no resource that the statement refers to: the role has its actions there alone. */
function placesIn(fleet: TestFleet, action: Grant["action"]): (place: string) => boolean {
  return action.resource === "" ? () => true : placesOf(fleet, action);
}
