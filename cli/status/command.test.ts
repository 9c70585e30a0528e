import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { createParkedTable } from "#shared/parked/table.ts";
import { createStateTable } from "#shared/state-table.ts";
import { startDynamo, type TestDynamo, tableOf } from "#shared/testing/dynamo.ts";
import { parkedTableOf, parkedWork } from "#shared/testing/parked-table.ts";
import type { Answer, SeenRequest } from "#shared/testing/server.ts";
import { ORG } from "../../functions/salesforce/testing.ts";
import { secretOf, startHealthyOrg } from "../doctor/testing.ts";
import { runFleet } from "../testing.ts";

const HOUR = 3_600_000;
let fleets = 0;
let dynamo: TestDynamo;

/** What the world around the tables is like. */
interface World {
  readonly messages?: Readonly<Record<string, number>>;
  /** Seconds, by queue. */
  readonly ages?: Readonly<Record<string, number | undefined>>;
  /** Hours since changes were captured; undefined when there were none. */
  readonly captured?: number;
  readonly metrics?: Answer;
  /** Names of alarms that are on. */
  readonly alarms?: readonly string[];
  /** The catch-up's; without it, every quarter of an hour. */
  readonly clock?: Answer;
}

beforeAll(async () => {
  dynamo = await startDynamo();
});
afterAll(() => dynamo.close());

/** A fleet with tables of its own, under a stage of its own. */
async function newFleet() {
  fleets += 1;
  const stage = `s${fleets}`;
  const name = (table: string) => `connector-fleet-${stage}-${table}`;
  await dynamo.create(
    parkedTableOf(name("parked")),
    tableOf(name("customers"), "customerId", [{ name: "behind", hash: "behindKey", range: "nextTryAt" }]),
    tableOf(name("fleet-state"), "key"),
    tableOf(name("salesforce-state"), "key"),
  );
  return { stage, name, state: createStateTable(name("salesforce-state"), { client: dynamo.client }) };
}

async function status(stage: string, world: World = {}, args: string[] = []) {
  await using org = await startHealthyOrg();
  const prefix = `connector-fleet-${stage}-`;
  const queues = ["customer-sync", "customer-sync-dead", "customer-sync-bulk"].map((queue) => `${prefix}${queue}`);
  const answer = ({ headers, body }: SeenRequest): Answer => {
    const operation = String(headers["x-amz-target"]).split(".")[1];
    const input = body ? JSON.parse(body) : {};
    if (operation === "ListQueues")
      return { body: { QueueUrls: queues.map((name) => `http://${headers.host}/1/${name}`) } };
    if (operation === "GetQueueAttributes") {
      const messages = world.messages?.[input.QueueUrl.split(prefix)[1]] ?? 0;
      return { body: { Attributes: { ApproximateNumberOfMessages: String(messages) } } };
    }
    if (operation === "ListSecrets")
      return { body: { SecretList: [{ Name: `connector-fleet/${stage}/salesforce/${ORG}` }] } };
    if (operation === "GetSecretValue") return { body: { SecretString: secretOf(org.url) } };
    if (operation === "DescribeAlarms") {
      const MetricAlarms = (world.alarms ?? []).map((name) => ({ AlarmName: `${input.AlarmNamePrefix}${name}` }));
      return { headers: { "content-type": "application/x-amz-json-1.0" }, body: { MetricAlarms } };
    }
    if (operation === "DescribeRule")
      return world.clock ?? { body: { Name: input.Name, State: "ENABLED", ScheduleExpression: "rate(15 minutes)" } };
    return (
      world.metrics ?? {
        headers: { "content-type": "application/x-amz-json-1.0" },
        body: metricsOf(input, world, prefix),
      }
    );
  };
  const more = { AWS_ENDPOINT_URL_DYNAMODB: `http://127.0.0.1:${dynamo.port}` };
  const run = await runFleet(["status", "--stage", stage, ...args], answer, more);
  return { ...run, apiCalls: org.requests.map(({ url }) => url).filter((url) => url.startsWith("/services/data")) };
}

function metricsOf(
  input: { MetricDataQueries: { Id: string; Label?: string; MetricStat: { Metric: { Namespace: string } } }[] },
  { ages, captured }: World,
  prefix: string,
) {
  const namespace = prefix.replace("connector-fleet-", "ConnectorFleet/").slice(0, -1);
  const results = input.MetricDataQueries.map(({ Id, Label = "", MetricStat: { Metric } }) => {
    if (Id === "captured" && (captured === undefined || Metric.Namespace !== namespace))
      return { Id, Timestamps: [], Values: [] };
    if (Id === "captured") return { Id, Timestamps: [(Date.now() - (captured ?? 0) * HOUR) / 1000], Values: [3] };
    const age = ages?.[Label.slice(prefix.length)];
    if (age === undefined) return { Id, Label, Timestamps: [], Values: [] };
    return { Id, Label, Timestamps: [Date.now() / 1000 - 100], Values: [age] };
  });
  return { MetricDataResults: results };
}

const iso = (hoursAgo: number) => new Date(Date.now() - hoursAgo * HOUR).toISOString();

describe("fleet status", () => {
  test("says in ten lines that all is well", async () => {
    const { stage, state } = await newFleet();
    const sweep = (entity: string) => ({ key: `sweep/${ORG}/${entity}`, value: { until: iso(8) } });
    const position = {
      replayId: "00",
      commitTimestamp: Date.now() - HOUR,
      updatedAt: Date.now() - HOUR,
    };
    await state.writeMany([
      sweep("Account"),
      sweep("Contact"),
      { key: `position/${ORG}//data/ChangeEvents`, value: position },
      { key: `looked/${ORG}//data/ChangeEvents`, value: { at: Date.now() - HOUR / 12 } },
    ]);
    const { code, out, err, apiCalls } = await status(stage, {
      messages: { "customer-sync": 3 },
      ages: { "customer-sync": 7 },
      captured: 1,
    });
    expect([code, err]).toEqual([0, ""]);
    // It asks Salesforce once for each organisation.
    expect(apiCalls).toEqual([expect.stringMatching(/\/limits$/)]);
    const lines = out.trimEnd().split("\n");
    expect(lines).toHaveLength(10);
    const patterns = [
      /^✓ queues +3 messages on 2 queues, most on \S+-customer-sync; 0 dead letters$/,
      /^✓ oldest +the oldest message waits for 7 s, on \S+-customer-sync, measured 2 min ago$/,
      /^✓ behind +nobody waits$/,
      /^✓ parked +nothing waits for a person$/,
      /^✓ breakers +all closed$/,
      /^✓ events +last captured within five minutes of \S+, 1 h 0 min ago$/,
      /^✓ catch-up +read until \S+, looked 5 min ago$/,
      /^✓ sweep +equal until \S+, 8 h 0 min ago$/,
      /^✓ API calls +18 of 1,000 used in 24 h$/,
      /^All is well\.$/,
    ];
    for (const [n, pattern] of patterns.entries()) expect(lines[n]).toMatch(pattern);
  });

  test("is not well when work waits for a person, lies among dead letters or waits too long", async () => {
    const { stage, name } = await newFleet();
    await createParkedTable(name("parked"), dynamo.client).park(parkedWork("p", { parkedAt: iso(2) }));
    const world = {
      messages: { "customer-sync-dead": 1, "customer-sync": 1, "customer-sync-bulk": 1 },
      ages: { "customer-sync": 1000, "customer-sync-bulk": 5000 },
    };
    const { code, out } = await status(stage, world);
    expect(code).toBe(1);
    expect(out).toMatch(/✗ queues .*1 dead letter → /);
    expect(out).toMatch(/✗ oldest .*→ 1 too old: \S+-customer-sync;/);
    expect(out).toMatch(/✗ parked +1 for a person, the oldest 2 h 0 min ago → see 'fleet parked'/);
    expect(out).toMatch(/3 things are not well\.\n$/);
    const { ok, lines } = JSON.parse((await status(stage, world, ["--json"])).out);
    expect([ok, lines.length]).toEqual([false, 9]);
  });

  test.each<[string, World, RegExp]>([
    ["no age once its queue is empty", { ages: { "customer-sync": 5000 } }, /✓ oldest +no message waits\n/],
    [
      "that how old messages are is not known yet on a queue which just filled",
      { messages: { "customer-sync": 2 } },
      /· oldest +messages wait on \S+-customer-sync, since when is known a minute or two after they came\n/,
    ],
    [
      "the age of one queue and what is not known of another",
      { messages: { "customer-sync": 2, "customer-sync-bulk": 1 }, ages: { "customer-sync": 7 } },
      /✓ oldest +the oldest message waits for 7 s, on \S+-customer-sync, measured 2 min ago; messages wait on \S+-bulk too, since when is known/,
    ],
  ])("tells %s", async (_what, world, line) => {
    const { stage } = await newFleet();
    const { code, out } = await status(stage, world);
    expect([code, out]).toEqual([0, expect.stringMatching(line)]);
  });

  test("is not well when a sweep is overdue", async () => {
    const { stage, state } = await newFleet();
    const sweep = (entity: string, hours: number) => ({ key: `sweep/${ORG}/${entity}`, value: { until: iso(hours) } });
    await state.writeMany([sweep("Account", 2), sweep("Contact", 40)]);
    const { code, out } = await status(stage);
    expect([code, out]).toEqual([1, expect.stringMatching(/✗ sweep +equal until \S+, 1 d 16 h ago → /)]);
  });

  test("is not well when an alarm is on about what no other line tells", async () => {
    const { stage } = await newFleet();
    const quiet = await status(stage, { alarms: ["work-parked", "behind-billing", "dead-letters-1"] });
    expect([quiet.code, quiet.out]).toEqual([0, expect.not.stringContaining("alarm")]);
    const { code, out } = await status(stage, { alarms: ["stale-slack-notices", "behind-billing"] });
    expect(code).toBe(1);
    expect(out).toMatch(/✗ alarms +1 alarm on: stale-slack-notices → docs\/operations/);
  });

  describe("while the alarm of a silent feed is on", () => {
    const silent = { alarms: ["feed-silent"] };
    const looked = (hours: number) => {
      const [old, at] = [Date.now() - 30 * HOUR, Date.now() - hours * HOUR];
      const value = { replayId: "00", commitTimestamp: old, updatedAt: old };
      return [
        { key: `position/${ORG}//data/ChangeEvents`, value },
        { key: `looked/${ORG}//data/ChangeEvents`, value: { at } },
      ];
    };

    test("is well when the catch-up has just looked and found nothing: the organisation is quiet", async () => {
      const { stage, state } = await newFleet();
      await state.writeMany(looked(0.1));
      expect(await status(stage, silent)).toMatchObject({ code: 0, out: expect.not.stringContaining("alarm") });
    });

    test("is well when a change has come in since, for which the alarm takes an hour to clear", async () => {
      const { stage } = await newFleet();
      expect(await status(stage, { ...silent, captured: 0.5 })).toMatchObject({ code: 0 });
      expect(await status(stage, { ...silent, captured: 3 })).toMatchObject({ code: 1 });
    });

    test.each<[string, readonly { key: string; value: object }[], World, RegExp]>([
      ["has not looked for hours", looked(9), {}, /✗ catch-up +read until \S+, looked 9 h \d min ago → nobody looks/],
      ["never looked", [], {}, /· catch-up +no position yet/],
      [
        "is switched off",
        looked(0.1),
        { clock: { body: { Name: "x", State: "DISABLED", ScheduleExpression: "rate(15 minutes)" } } },
        /· catch-up .*; its clock is switched off/,
      ],
    ])("is not well when the catch-up %s", async (_what, entries, world, line) => {
      const { stage, state } = await newFleet();
      await state.writeMany(entries);
      const { code, out } = await status(stage, { ...silent, ...world });
      expect([code, out]).toEqual([1, expect.stringMatching(/✗ alarms +1 alarm on: feed-silent → docs\/operations/)]);
      expect(out).toMatch(line);
    });
  });

  test("is well without what was never there, and says what it cannot tell", async () => {
    const { stage } = await newFleet();
    const { code, out } = await status(stage, {
      messages: { "customer-sync": 1 },
      metrics: { status: 403, body: { __type: "AccessDenied", message: "no metrics" } },
    });
    expect(code).toBe(0);
    expect(out).toMatch(/· oldest +cannot be told: no metrics/);
    expect(out).toMatch(/· catch-up +no position yet/);
    expect(out).toMatch(/· sweep +not everything was swept yet/);
  });

  test("says that there is no such fleet", async () => {
    const { code, out, err } = await runFleet(["status", "--stage", "none"], ({ headers }) =>
      String(headers["x-amz-target"]).endsWith("ListQueues")
        ? { body: {} }
        : { status: 400, body: { __type: "ResourceNotFoundException", message: "Requested resource not found" } },
    );
    expect([code, out]).toEqual([1, ""]);
    expect(err).toMatch(/is the fleet deployed with this stage\?/);
  });
});
