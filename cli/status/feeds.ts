import { SecretsProvider } from "@aws-lambda-powertools/parameters/secrets";
import { CloudWatchClient, GetMetricDataCommand } from "@aws-sdk/client-cloudwatch";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { z } from "zod";
import { isBelowReserve } from "../../functions/salesforce/client/usage.ts";
import { createSalesforce } from "../../functions/salesforce/client.ts";
import { chooseMapping, feedingEntities } from "../../functions/salesforce/mapping/mapping.ts";
import { connectTo } from "../../functions/salesforce/org/connect.ts";
import type { SalesforceConnection } from "../../functions/salesforce/org/connection.ts";
import { keys } from "../../functions/salesforce/org/keys.ts";
import { createStateTable, type StateTable } from "../../shared/state-table.ts";
import { ungated } from "../../shared/targets/gate.ts";
import type { Access } from "../access.ts";
import { describeFailure } from "../failure.ts";
import type { Stack } from "../stack.ts";
import { ago, number } from "../text.ts";
import { CATCH_UP, lineOfCatchUp, readClock } from "./catch-up.ts";
import { type Line, together } from "./line.ts";

const HOUR_MS = 3_600_000;
/** A sweep is every night; an hour for itself and for the clock's change, and then some. */
const SWEEP_LATE_MS = 30 * HOUR_MS;
const DAY_MS = 24 * HOUR_MS;

const markSchema = z.looseObject({ until: z.string() });

/**
 * When change events last came in, whichever feed brought them, by what the capturing function counts; to five minutes, and
 * undefined when none did for a day.
 */
export async function readLastCapture(stack: Stack, options: object, now: number): Promise<Date | undefined> {
  const Metric = {
    Namespace: stack.metrics,
    MetricName: "MessagesDone",
    Dimensions: [{ Name: "service", Value: "salesforce/capture" }],
  };
  const { MetricDataResults: [{ Timestamps = [], Values = [] } = {}] = [] } = await new CloudWatchClient(options).send(
    new GetMetricDataCommand({
      StartTime: new Date(now - DAY_MS),
      EndTime: new Date(now),
      ScanBy: "TimestampDescending",
      MetricDataQueries: [{ Id: "captured", MetricStat: { Metric, Period: 300, Stat: "Sum" } }],
    }),
  );
  return Timestamps[Values.findIndex((value) => value > 0)];
}

export function lineOfEvents(last: Date | undefined, now: number): Line {
  if (!last) return { name: "events", ok: undefined, text: "none captured in the last 24 h" };
  return {
    name: "events",
    ok: true,
    text: `last captured within five minutes of ${last.toISOString()}, ${ago(last.toISOString(), now)}`,
  };
}

/** What is looked at of one organisation. */
interface Org {
  readonly orgId: string;
  readonly connection: SalesforceConnection;
  readonly salesforce: ReturnType<typeof createSalesforce>;
}

/** The lines of every organisation's feeds and of its API calls. */
export async function linesOfOrgs(
  orgIds: readonly string[],
  stack: Stack,
  access: Access,
  now: number,
): Promise<Line[]> {
  const state = createStateTable(stack.name("salesforce-state"), { client: access.dynamo });
  const provider = new SecretsProvider({ awsSdkV3Client: new SecretsManagerClient(access.options) });
  const opened = orgIds.map(async (orgId): Promise<Org | { orgId: string; error: unknown }> => {
    const connect = connectTo(orgId, stack.secret(orgId), (id, options) => provider.get(id, options));
    return connect({ forceFetch: false }).then(
      (connection) => ({ orgId, connection, salesforce: createSalesforce(connect, { gate: ungated, orgId }) }),
      (error) => ({ orgId, error }),
    );
  });
  const [orgs, clock] = await Promise.all([Promise.all(opened), readClock(stack, access)]);
  const each = async (name: string, look: (org: Org) => Promise<Omit<Line, "name">>) => {
    const lines = orgs.map(async (org) => {
      const line = "error" in org ? Promise.reject(org.error) : look(org);
      return { orgId: org.orgId, ...(await line.catch((error) => untold(error))) };
    });
    return together(name, await Promise.all(lines));
  };
  return Promise.all([
    each(CATCH_UP, (org) => lineOfCatchUp(org, state, clock, now)),
    each("sweep", (org) => lineOfSweep(org, state, now)),
    each("API calls", lineOfUsage),
  ]);
}

/** As old as the object that was swept longest ago. */
async function lineOfSweep({ orgId, connection }: Org, state: StateTable, now: number): Promise<Omit<Line, "name">> {
  const entities = [...feedingEntities(chooseMapping(connection.mapping))];
  const marks = await state.readMany(
    entities.map((entity) => keys.sweep(orgId, entity)),
    markSchema,
  );
  const untils = entities.map((entity) => marks.get(keys.sweep(orgId, entity))?.value?.until);
  if (untils.includes(undefined)) return { ok: undefined, text: "not everything was swept yet" };
  const until = untils.map(String).toSorted()[0] ?? "";
  const text = `equal until ${until}, ${ago(until, now)}`;
  if (now - Date.parse(until) <= SWEEP_LATE_MS) return { ok: true, text };
  return {
    ok: false,
    text,
    advice: "the nightly sweep did not end; see the log of salesforce-sweep, or run 'fleet sweep'",
  };
}

async function lineOfUsage({ connection, salesforce }: Org): Promise<Omit<Line, "name">> {
  const usage = await salesforce.readUsage();
  const text = `${number(usage.used)} of ${number(usage.max)} used in 24 h`;
  if (!isBelowReserve(usage, connection.apiReserve)) return { ok: true, text };
  return { ok: false, text, advice: "sweep and backfill wait; lower the load, or buy more calls" };
}

function untold(error: unknown): Omit<Line, "name"> {
  return { ok: undefined, text: `cannot be told: ${describeFailure(error).sentence}` };
}
