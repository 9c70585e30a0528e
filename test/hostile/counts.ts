import type { TestFleet } from "../support/fleet.ts";

/** What was called, over all starts of the fleet. */
export interface Counter {
  /** Calls of Salesforce's API by kind; logins are none. */
  readonly calls: Map<string, number>;
  /** Runs of functions, by name without the fleet's. */
  readonly invocations: Map<string, number>;
  /** Calls that were refused for an expired session, each of which is made again. */
  refused: number;
  /** Updates that Stripe answered with success, repeated answers included. */
  billingUpdates: number;
}

/** The resources that the fleet calls; people use others, but for the update of many records. */
const KINDS: readonly (readonly [kind: string, route: RegExp])[] = [
  ["read", /^POST .*\/composite\/sobjects\//],
  ["update", /^PATCH .*\/composite\/sobjects$/],
  ["query", /^GET .*\/query(All)?(\/|$)/],
  ["delete log", /^GET .*\/deleted/],
  ["limits", /^GET .*\/limits$/],
];

export function countCalls(fleet: TestFleet, counter: Counter): void {
  fleet.saas.salesforce.calls.on("call", ({ route, status }) => {
    const kind = KINDS.find(([, pattern]) => pattern.test(route))?.[0];
    if (!kind) return;
    add(counter.calls, kind);
    if (status === 401) counter.refused += 1;
  });
  fleet.saas.stripe.calls.on("call", ({ route, status }) => {
    if (route === "POST /v1/customers/:id" && status === 200) counter.billingUpdates += 1;
  });
  fleet.kernel.on("activity", ({ service, operation, resource }) => {
    const name = /function:connector-fleet-local-([\w-]+)/.exec(resource ?? "")?.[1];
    if (service === "lambda" && operation === "Invoke" && name) add(counter.invocations, name);
  });
}

function add(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

/**
 * The most calls that the work may have cost. A batch of changes: read accounts, read contacts, ask the bin for missing
 * ones of both, query billing contacts. An invocation of the sweep works up to two phases: list, read, query, ask the
 * bin, delete log for each. A batch of the write-back: read and update, for each of two lanes. Background work asks for
 * the limits before. What was refused for an expired session is called once more.
 */
export function mostCalls({ invocations, calls, refused }: Counter): number {
  const count = (name: string) => invocations.get(name) ?? 0;
  const own = 5 * count("salesforce-capture") + 10 * count("salesforce-sweep") + 4 * count("salesforce-write-back");
  return own + (calls.get("limits") ?? 0) + refused;
}
