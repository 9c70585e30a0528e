import { type Armed, arm } from "./arm.ts";
import type { Cell } from "./cells.ts";
import type { Hop } from "./hops.ts";
import type { TargetName } from "./targets.ts";
import type { Driver } from "./walks.ts";

const ALWAYS = 1_000_000;

/** Troubles beside the faults: some hops are used only when something else fails. */
export function troublesOf(cells: readonly Cell[]): Driver[] {
  const targets = new Set(cells.flatMap(({ hop }) => targetBehind(hop) ?? []));
  const postponed = cells.filter(
    ({ hop }) => hop.kind === "action" && hop.action.name === "sqs:ChangeMessageVisibility",
  );
  return [...[...targets].map(away), ...postponed.map(failing)];
}

/** The target that must be away at first for a hop to be used: customers wait for it, and its breaker opens. */
function targetBehind(hop: Hop): TargetName | undefined {
  if (hop.walk === "behind") return "stripe";
  if (hop.kind !== "action") return undefined;
  const { resource, name } = hop.action;
  // A sweep and a backfill take up what they find behind.
  if (/^CustomersTable$/.test(resource) && /^(Salesforce)Dash(sweep|load)/.test(hop.caller)) return "stripe";
  const isGate = resource === "FleetStateTable" || (resource === "FleetBus" && name === "events:PutEvents");
  if (!isGate) return undefined;
  if (/^Billing/.test(hop.caller)) return "stripe";
  if (/^Slack/.test(hop.caller)) return "slack";
  return /^Salesforce/.test(hop.caller) && resource === "FleetStateTable" ? "salesforce" : undefined;
}

const DOWN: Readonly<Record<TargetName, object>> = {
  salesforce: { path: "/services/data/v66.0/**", error: "serverUnavailable" },
  stripe: {
    path: "/v1/customers**",
    method: "POST",
    status: 503,
    body: { error: { type: "api_error", message: "down" } },
  },
  slack: { path: "/api/chat.postMessage", status: 503 },
};

/** A target that is away until everybody has met the fault. */
function away(target: TargetName): Driver {
  let id = -1;
  return {
    async begin({ current: { saas } }) {
      ({ id } = saas[target].faults.add({ ...DOWN[target], times: ALWAYS }));
    },
    async met({ current: { saas } }) {
      saas[target].faults.remove(new Set([id]));
    },
  };
}

/** A message is postponed only when its work fails: another call of the same function does. */
function failing(cell: Cell): Driver {
  let armed: Armed | undefined;
  return {
    async begin({ current, hops }) {
      const { hop } = cell;
      const other =
        hops.find((one) => hop.kind === "action" && isWorkOf(one, hop.caller)) ??
        hops.find((one) => one.kind === "endpoint" && one.endpoint.target === "slack");
      if (other) armed = await arm(current, { ...cell, hop: other, fault: "error" }, hops);
    },
    async mend() {
      await armed?.clear();
    },
  };
}

function isWorkOf(hop: Hop, caller: string): boolean {
  if (hop.kind !== "action" || hop.caller !== caller) return false;
  return /^(dynamodb|states):/.test(hop.action.name) && hop.action.resource !== "FleetStateTable";
}
