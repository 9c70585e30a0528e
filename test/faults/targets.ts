/** The systems that the fleet calls over HTTP, and where. */
export type TargetName = "salesforce" | "stripe" | "slack";

/** A way into a target: the call as the emulators count it, and as a fault finds it. */
export interface Endpoint {
  readonly target: TargetName;
  /** As the call counters name it. */
  readonly route: string;
  readonly method: string;
  /** Glob of the paths; people use another version of Salesforce's API. */
  readonly path: string;
  /** What has to be done for the call to be made. */
  readonly walk: Walk;
}

/**
 * What the fleet is made to do, so that a hop is used: changes by people; customers that billing did not take at first;
 * changes that the relay lost, looked for by a sweep or a catch-up; a backfill; a look for duplicates in billing; work that
 * nobody can do; work that its target refuses, and that its account's mend makes obsolete; customers that somebody deleted
 * in Stripe.
 */
export type Walk =
  | "change"
  | "behind"
  | "sweep"
  | "catch-up"
  | "backfill"
  | "duplicates"
  | "poison"
  | "refused"
  | "obsolete"
  | "buried";

const REST = "/services/data/v66.0";
const ROUTE = "/services/data/:version";

/** Every call that the fleet makes; a run that makes another one fails. */
export const ENDPOINTS: readonly Endpoint[] = [
  salesforce("POST", "/services/oauth2/token", "/services/oauth2/token", "change"),
  salesforce("POST", `${ROUTE}/composite/sobjects/Account`, `${REST}/composite/sobjects/Account`, "change"),
  salesforce("PATCH", `${ROUTE}/composite/sobjects`, `${REST}/composite/sobjects`, "change"),
  salesforce("GET", `${ROUTE}/query`, `${REST}/query`, "change"),
  salesforce("GET", `${ROUTE}/queryAll`, `${REST}/queryAll`, "sweep"),
  salesforce("GET", `${ROUTE}/limits`, `${REST}/limits`, "sweep"),
  // The delete log of an object; the counters take its name for an id.
  salesforce("GET", `${ROUTE}/sobjects/Account/:id`, `${REST}/sobjects/*/deleted/`, "sweep"),
  salesforce("POST", `${ROUTE}/jobs/query`, `${REST}/jobs/query`, "backfill"),
  salesforce("GET", `${ROUTE}/jobs/query/:id`, `${REST}/jobs/query/*`, "backfill"),
  salesforce("GET", `${ROUTE}/jobs/query/:id/results`, `${REST}/jobs/query/*/results`, "backfill"),
  { target: "stripe", route: "POST /v1/customers", method: "POST", path: "/v1/customers", walk: "change" },
  { target: "stripe", route: "POST /v1/customers/:id", method: "POST", path: "/v1/customers/cus_*", walk: "change" },
  { target: "stripe", route: "GET /v1/customers/:id", method: "GET", path: "/v1/customers/cus_*", walk: "buried" },
  { target: "stripe", route: "GET /v1/customers/search", method: "GET", path: "/v1/customers/search", walk: "buried" },
  { target: "stripe", route: "GET /v1/customers", method: "GET", path: "/v1/customers", walk: "buried" },
  {
    target: "slack",
    route: "POST /api/chat.postMessage",
    method: "POST",
    path: "/api/chat.postMessage",
    walk: "change",
  },
];

function salesforce(method: string, route: string, path: string, walk: Walk): Endpoint {
  return { target: "salesforce", route: `${method} ${route}`, method, path, walk };
}
