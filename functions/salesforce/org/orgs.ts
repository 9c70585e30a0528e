import { MetricUnit } from "@aws-lambda-powertools/metrics";
import { z } from "zod";
import { readEnv } from "#shared/env.ts";
import { InvalidInputError } from "#shared/errors.ts";
import { fleetMetric, metrics } from "#shared/observability.ts";
import type { Gate } from "#shared/targets/gate.ts";
import { openGate } from "#shared/targets/open-gate.ts";
import type { ApiUsage, Priority, Salesforce } from "../client/types.ts";
import { createSalesforce } from "../client.ts";
import { connectTo } from "./connect.ts";
import { toLongId } from "./ids.ts";

/** The organisations that the fleet is connected to. */
export interface Orgs {
  /** 18-character ids. The first is the default for events that name no organisation. */
  readonly ids: readonly string[];
  /**
   * The client of one organisation; the same one at every call.
   * @throws InvalidInputError `OTHER_ORG` when the fleet is not connected to it
   */
  salesforce(orgId: string): Salesforce;
}

const environment = {
  SALESFORCE_ORGS: z.string().min(1),
  SALESFORCE_SECRET_PREFIX: z.string().min(1),
};
/** Longer than a call with the logins around it, so that a slow organisation that answers counts as one that is there. */
export const PROBE_LEASE_MS = 90_000;
const USAGE_PERIOD_MS = 60_000;

/** The gate before every organisation, as the function's environment has it. @param probeLeaseMs longer than any call takes */
export function openSalesforceGate(probeLeaseMs: number): Gate {
  return openGate({ target: "salesforce", probeLeaseMs });
}

/**
 * The organisations that the function's environment names, each with its own secret.
 * @param priority who calls: `background` work leaves a reserve of the daily API calls to `live` work
 * @throws InvalidInputError when the environment is incomplete
 * @throws ContractError when it names an organisation by what is no id
 */
export function createOrgs(priority: Priority, gate: Gate = openSalesforceGate(PROBE_LEASE_MS)): Orgs {
  const { SALESFORCE_ORGS, SALESFORCE_SECRET_PREFIX } = readEnv(environment);
  const ids = SALESFORCE_ORGS.split(",").map((id) => toLongId(id.trim()));
  return orgsOf(ids, (orgId) => {
    const connect = connectTo(orgId, `${SALESFORCE_SECRET_PREFIX}${orgId}`);
    return createSalesforce(connect, { priority, onUsage: usageReporter(orgId), gate, orgId });
  });
}

/** Builds each organisation's client at its first use and keeps it. */
export function orgsOf(ids: readonly string[], build: (orgId: string) => Salesforce): Orgs {
  const clients = new Map<string, Salesforce>();
  return {
    ids,
    salesforce(orgId) {
      if (!ids.includes(orgId))
        throw new InvalidInputError(
          "OTHER_ORG",
          `The fleet is not connected to organisation ${orgId}, but to ${ids.join(", ")}: correct the event source, or ` +
            "add the organisation to the parameter salesforceEventSource.",
        );
      const client = clients.get(orgId) ?? build(orgId);
      clients.set(orgId, client);
      return client;
    },
  };
}

/** Publishes an organisation's API usage, at most once a minute: every answer tells it. */
function usageReporter(orgId: string): (usage: ApiUsage) => void {
  let reportedAt = Number.NEGATIVE_INFINITY;
  return ({ used, max, observedAt }) => {
    if (observedAt - reportedAt < USAGE_PERIOD_MS) return;
    reportedAt = observedAt;
    // One dimension value for every connected organisation, so that an alarm can name it.
    const metric = metrics.singleMetric().addDimension("orgId", orgId).addMetadata("max", String(max));
    metric.addMetric("SalesforceApiRequestsUsed", MetricUnit.Count, used);
    // One metric of all organisations and functions for the alarm: the fullest counts.
    if (max > 0) fleetMetric().addMetric("SalesforceApiUsedPercent", MetricUnit.Percent, (100 * used) / max);
  };
}
