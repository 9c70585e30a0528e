import type { TestFleet } from "./fleet.ts";

/** Everything that a place holds, as text. */
export type Place = readonly string[];

/** What a fleet tells of its work: what people and other systems read, and the names of things. */
export type Told = Readonly<Record<string, Place>>;

type Answer = Readonly<Record<string, unknown>>;

/** All pages of a list of AWS, as text. */
async function pagesOf(
  { aws }: TestFleet,
  [service, operation]: readonly [string, string],
  input: object,
  [ask, told]: readonly [string, string],
): Promise<Answer[]> {
  const pages: Answer[] = [];
  let next: unknown;
  do {
    const page = await aws<Answer>(service, operation, { ...input, ...(next === undefined ? {} : { [ask]: next }) });
    pages.push(page);
    next = page[told];
  } while (next !== undefined);
  return pages;
}

const texts = (things: readonly unknown[]) => things.map((thing) => JSON.stringify(thing));

async function logsOf(fleet: TestFleet): Promise<Place> {
  const next = ["nextToken", "nextToken"] as const;
  const groups = await pagesOf(fleet, ["logs", "DescribeLogGroups"], {}, next);
  const names = groups.flatMap(({ logGroups }) =>
    (logGroups as { logGroupName: string }[]).map((one) => one.logGroupName),
  );
  const lines = await Promise.all(
    names.map(async (logGroupName) => {
      const pages = await pagesOf(fleet, ["logs", "FilterLogEvents"], { logGroupName }, next);
      return pages.flatMap(({ events }) =>
        (events as { message: string }[]).map(({ message }) => `${logGroupName} ${message}`),
      );
    }),
  );
  return lines.flat();
}

async function tracesOf(fleet: TestFleet): Promise<Place> {
  const [EndTime, StartTime] = [fleet.clock.now() / 1000 + 60, fleet.clock.now() / 1000 - 5 * 3_600];
  const next = ["NextToken", "NextToken"] as const;
  const pages = await pagesOf(fleet, ["xray", "GetTraceSummaries"], { StartTime, EndTime }, next);
  const ids = pages.flatMap(({ TraceSummaries }) => (TraceSummaries as { Id: string }[]).map(({ Id }) => Id));
  const traces: unknown[] = [];
  for (let at = 0; at < ids.length; at += 5)
    traces.push(await fleet.aws("xray", "BatchGetTraces", { TraceIds: ids.slice(at, at + 5) }));
  return texts([...pages, ...traces]);
}

async function itemsOf(fleet: TestFleet, table: string): Promise<Record<string, unknown>[]> {
  const input = { TableName: fleet.ref(table), ConsistentRead: true };
  const pages = await pagesOf(fleet, ["dynamodb", "Scan"], input, ["ExclusiveStartKey", "LastEvaluatedKey"]);
  return pages.flatMap(({ Items }) => Items as Record<string, unknown>[]);
}

/** Without what is there to hold the data: the customer, and the input of parked work. */
async function tablesOf(fleet: TestFleet): Promise<Told> {
  const [customers, parked, state, salesforce] = await Promise.all(
    ["CustomersTable", "ParkedTable", "FleetStateTable", "SalesforceStateTable"].map((table) => itemsOf(fleet, table)),
  );
  return {
    "marks of the store": texts((customers ?? []).map(({ customer: _, ...about }) => about)),
    "parked errors": texts((parked ?? []).map(({ input: _, inputGzip: __, ...about }) => about)),
    "state of the fleet": texts([...(state ?? []), ...(salesforce ?? [])]),
  };
}

async function callsOf({ saas }: TestFleet): Promise<Place> {
  const urls = [saas.salesforce.url, saas.stripe.url, saas.slack.url];
  return Promise.all(urls.map(async (url) => (await fetch(`${url}/__emulator__/calls`)).text()));
}

/** Reads everything that a fleet tells. */
export async function readAllTold(fleet: TestFleet): Promise<Told> {
  const resources = [...fleet.twin.resources.values()];
  const objects = await fleet.aws("s3", "ListObjectsV2", { Bucket: fleet.ref("BackfillBucket") });
  return {
    logs: await logsOf(fleet),
    traces: await tracesOf(fleet),
    metrics: texts(await pagesOf(fleet, ["monitoring", "ListMetrics"], {}, ["NextToken", "NextToken"])),
    alarms: texts([await fleet.aws("monitoring", "DescribeAlarms", {})]),
    "Slack messages": await fleet.slackTexts(),
    "dashboard and names of resources": texts(resources),
    "keys of objects": texts([objects]),
    "calls of the systems": await callsOf(fleet),
    ...(await tablesOf(fleet)),
  };
}
