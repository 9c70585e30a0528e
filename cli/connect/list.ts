import { describeFailure } from "../failure.ts";
import type { Stack } from "../stack.ts";
import { ago, columns } from "../text.ts";
import { SYSTEMS, type System } from "./names.ts";
import { type ConnectionStore, RECOVERY_DAYS, type Stored } from "./store.ts";
import { DEFINITIONS, type Members } from "./systems.ts";

const DAY_MS = 86_400_000;

/** What is told of a connection: never a value of it. */
export interface Listed {
  readonly name: string;
  readonly system: System;
  /** Of Salesforce alone. */
  readonly orgId?: string;
  /** ISO 8601 in UTC. */
  readonly changedAt: string | undefined;
  readonly state: "works" | "fails" | "empty" | "removed";
  readonly detail: string;
}

/** Every connection of a fleet, each tried. */
export async function listConnections(store: ConnectionStore, stack: Stack): Promise<Listed[]> {
  const stored = await store.list(stack.secretPrefix);
  const listed = stored.map(async (one): Promise<Listed[]> => {
    const system = SYSTEMS.find((name) => isOf(name, one.name, stack));
    if (!system) return [];
    const orgId = system === "salesforce" ? one.name.slice(stack.secret("").length) : undefined;
    const about = { name: one.name, system, ...(orgId ? { orgId } : {}), changedAt: one.changedAt?.toISOString() };
    return [{ ...about, ...(await stateOf(store, system, one, orgId)) }];
  });
  return (await Promise.all(listed)).flat();
}

function isOf(system: System, name: string, stack: Stack): boolean {
  return system === "salesforce" ? name.startsWith(stack.secret("")) : name === stack.secretOf(system);
}

async function stateOf(
  store: ConnectionStore,
  system: System,
  { name, removedAt, hasValue }: Stored,
  orgId: string | undefined,
): Promise<Pick<Listed, "state" | "detail">> {
  if (removedAt) return { state: "removed", detail: `can be had back until ${finalDay(removedAt)}` };
  if (!hasValue) return { state: "empty", detail: `'npx fleet connect ${system}' stores the connection` };
  try {
    const { text } = await DEFINITIONS[system].test(name, parse(await store.read(name)), orgId);
    return { state: "works", detail: text };
  } catch (error) {
    return { state: "fails", detail: describeFailure(error).sentence };
  }
}

/** The members of a stored connection; none of what is no JSON, which no test of a connection lets pass. */
export function parse(text: string): Members {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Members) : {};
  } catch {
    return {};
  }
}

/** The day on which a removed connection is gone for good. */
export function finalDay(removedAt: Date): string {
  return new Date(removedAt.getTime() + RECOVERY_DAYS * DAY_MS).toISOString().slice(0, 10);
}

/** One line for each connection. */
export function renderConnections(listed: readonly Listed[], now: number): string {
  const rows = listed.map(({ name, orgId = "–", changedAt, state, detail }) => [
    name,
    orgId,
    changedAt ? ago(changedAt, now) : "unknown",
    state,
    detail,
  ]);
  return columns([["connection", "organisation", "changed", "state", ""], ...rows]).join("\n");
}
