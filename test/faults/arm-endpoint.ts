import type { Principal } from "../../local/aws/kernel/service.ts";
import type { Front } from "../../local/saas/front/front.ts";
import type { TestFleet } from "../support/fleet.ts";
import type { Armed } from "./armed.ts";
import type { FaultName } from "./cells.ts";
import type { Endpoint, TargetName } from "./targets.ts";

type Rule = Readonly<Record<string, unknown>>;

const RETRY_AFTER = { "retry-after": "2" };

/** What a target answers when it is down, when it is busy, and when it does not know our key. */
const ANSWERS: Readonly<Record<TargetName, Readonly<Record<"error" | "throttle" | "missing permission", Rule>>>> = {
  salesforce: {
    error: { error: "serverUnavailable" },
    throttle: { error: "concurrentLimit" },
    "missing permission": {
      status: 403,
      body: [{ errorCode: "API_DISABLED_FOR_ORG", message: "The REST API is not enabled for this Organization." }],
    },
  },
  stripe: {
    error: { status: 503, body: { error: { type: "api_error", message: "down" } } },
    throttle: {
      status: 429,
      headers: RETRY_AFTER,
      body: { error: { type: "invalid_request_error", code: "rate_limit", message: "Too many requests." } },
    },
    "missing permission": {
      status: 401,
      body: { error: { type: "invalid_request_error", message: "Invalid API Key provided." } },
    },
  },
  slack: {
    error: { status: 503 },
    throttle: { status: 429, headers: RETRY_AFTER, body: { ok: false, error: "ratelimited" } },
    "missing permission": { error: "invalidAuth" },
  },
};

const TOKEN: Readonly<Record<string, Rule>> = {
  error: { status: 503 },
  throttle: { status: 429, headers: RETRY_AFTER },
  "missing permission": {
    status: 401,
    body: { error: "invalid_client", error_description: "invalid client credentials" },
  },
};

function ruleOf({ target, path }: Endpoint, fault: FaultName): Rule {
  const answers: Readonly<Record<string, Rule>> = path.endsWith("/token") ? TOKEN : ANSWERS[target];
  switch (fault) {
    case "timeout":
      return { error: "socketReset" };
    case "lost answer":
    case "crash":
      return { error: "socketResetAfterEffect" };
    default:
      return answers[fault] ?? {};
  }
}

/** Makes the calls of an endpoint fail; a crash kills whoever calls once the target has done the work. */
export function callTrouble(
  fleet: TestFleet,
  endpoint: Endpoint,
  fault: FaultName,
  times: number,
  callers: readonly Principal[],
): Armed {
  const front: Front = fleet.saas[endpoint.target];
  const { method, path } = endpoint;
  const ids = new Set<number>();
  // The first call hangs until the client gives up; the others are cut at once, or an outage would take as long as itself.
  if (fault === "timeout") ids.add(front.faults.add({ method, path, error: "timeout", times: 1 }).id);
  ids.add(front.faults.add({ method, path, times, ...ruleOf(endpoint, fault) }).id);
  const kill = ({ route, status }: { route: string; status: number }) => {
    if (route === endpoint.route && status === 0) for (const caller of callers) fleet.kernel.emit("crash", caller);
  };
  if (fault === "crash") front.calls.on("call", kill);
  const mine = () => front.faults.list().filter(({ id }) => ids.has(id));
  let found: number | undefined;
  return {
    most: times,
    hits: () => found ?? mine().reduce((sum, { times: all = 1, timesLeft }) => sum + all - (timesLeft ?? 0), 0),
    async clear() {
      found = this.hits();
      front.calls.off("call", kill);
      front.faults.remove(ids);
    },
  };
}
