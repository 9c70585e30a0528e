import { arm } from "./arm.ts";
import { ALWAYS, type Armed } from "./armed.ts";
import type { Cell } from "./cells.ts";
import type { Hop } from "./hops.ts";
import type { Driver } from "./walks.ts";
import { pass, type World } from "./world.ts";

/** Outages beside the faults: some hops are used only when a target is away. */
export function outagesOf(cells: readonly Cell[]): Driver[] {
  const outages = [...new Set(cells.flatMap(({ hop }) => outageFor(hop) ?? []))];
  return outages.map((outage) => (outage === "pub-sub" ? busyOnce() : away(outage)));
}

/** What must be away at first for a hop to be used: customers wait for it, and its breaker opens. */
export function outageFor(hop: Hop): Outage | undefined {
  if (hop.kind !== "action") return hop.walk === "behind" ? "stripe" : undefined;
  const { resource, name } = hop.action;
  if (hop.walk === "behind") return resource === "WriteBackQueue" ? "write-back" : "stripe";
  // A sweep and a backfill take up what they find behind.
  if (resource === "CustomersTable" && /^SalesforceDash(sweep|load)/.test(hop.caller)) return "stripe";
  // Whoever finds a target away notes it, and whoever finds it back says so.
  if (resource === "FleetStateTable" && name === "dynamodb:UpdateItem") {
    if (/^SalesforceDashwrite/.test(hop.caller)) return "write-back";
    if (/^SalesforceDashcatch/.test(hop.caller)) return "pub-sub";
  }
  if (name !== "events:PutEvents") return undefined;
  return TELLERS.find(([caller]) => caller.test(hop.caller))?.[1];
}

/** The functions that say nothing on the bus but that a target is back, and what they call. */
const TELLERS: readonly (readonly [caller: RegExp, Outage])[] = [
  [/^Billing/, "stripe"],
  [/^Slack/, "slack"],
  [/^SalesforceDashwrite/, "write-back"],
  [/^SalesforceDashplan/, "query"],
  [/^SalesforceDashstart/, "query job"],
  [/^SalesforceDashcheck/, "job"],
  [/^SalesforceDashstore/, "job's results"],
];

// A named wait opens the breaker at the first call.
const BUSY = { status: 503, headers: { "retry-after": "20" } };
const REST = "/services/data/v66.0";
const DOWN = {
  stripe: { path: "/v1/customers**", ...BUSY },
  slack: { path: "/api/chat.postMessage", ...BUSY },
  "write-back": { path: `${REST}/composite/sobjects`, method: "PATCH", ...BUSY },
  query: { path: `${REST}/query`, ...BUSY },
  "query job": { path: `${REST}/jobs/query`, method: "POST", ...BUSY },
  job: { path: `${REST}/jobs/query/*`, method: "GET", ...BUSY },
  "job's results": { path: `${REST}/jobs/query/*/results`, ...BUSY },
} as const;
type Outage = keyof typeof DOWN | "pub-sub";

/** Minutes until somebody calls what is away: a window collects changes before they are written back. */
const MOST_MINUTES = 5;

/** The next stream of the Pub/Sub API is refused, as there are too many: that names a wait, which opens its breaker. */
function busyOnce(): Driver {
  const fault = { kind: "fail", code: "RESOURCE_EXHAUSTED", errorCode: "service.protection.triggered" };
  return {
    async begin({ current }) {
      await current.control("pubsub-faults", fault);
    },
  };
}

/** A target that is away until it was called and everybody has met the fault. */
function away(outage: keyof typeof DOWN): Driver {
  const target = outage === "stripe" || outage === "slack" ? outage : "salesforce";
  let id = -1;
  return {
    async begin({ current: { saas } }) {
      ({ id } = saas[target].faults.add({ ...DOWN[outage], times: ALWAYS }));
    },
    async met(world) {
      const { faults } = world.current.saas[target];
      const isCalled = () => faults.list().some((rule) => rule.id === id && rule.matchedCalls > 0);
      for (let minute = 0; minute < MOST_MINUTES && !isCalled(); minute += 1) await pass(world, 60);
      faults.remove(new Set([id]));
    },
  };
}

/** Makes a hop fail, and what it needs: a message is postponed, and comes again, when another call of its function fails. */
export async function armWhole({ current, hops }: World, cell: Cell): Promise<Armed> {
  const { hop } = cell;
  const armed = await arm(current, cell, hops);
  if (hop.kind !== "action" || !isOfRepeats(hop)) return armed;
  const trouble = repeats(cell, hops);
  if (!trouble) return armed;
  const other = await arm(current, trouble, hops);
  return {
    most: armed.most,
    hits: () => armed.hits(),
    async clear() {
      await other.clear();
      await armed.clear();
    },
  };
}

/** Whether a consumer makes the call for messages that come again. */
export function isOfRepeats(hop: Hop): boolean {
  if (hop.kind !== "action") return false;
  const { name, resource } = hop.action;
  return (
    name === "sqs:ChangeMessageVisibility" || (resource === "FleetStateTable" && name.startsWith("dynamodb:Batch"))
  );
}

/** What makes the messages of a function come again; what it knows of them itself, it does not look up, so it has to die. */
function repeats(cell: Cell, hops: readonly Hop[]): Cell | undefined {
  if (cell.hop.kind !== "action") return undefined;
  const { caller, action } = cell.hop;
  if (action.name === "dynamodb:BatchGetItem") {
    const queue = hops.find((one) => one.kind === "mapping" && one.worker === caller);
    return queue && { ...cell, hop: queue, fault: "crash", duration: "short" };
  }
  const work =
    hops.find((one) => isWorkOf(one, caller)) ??
    hops.find((one) => one.kind === "endpoint" && one.endpoint.target === "slack");
  return work && { ...cell, hop: work, fault: "error" };
}

function isWorkOf(hop: Hop, caller: string): boolean {
  if (hop.kind !== "action" || hop.caller !== caller) return false;
  return /^(dynamodb|states):/.test(hop.action.name) && hop.action.resource !== "FleetStateTable";
}
