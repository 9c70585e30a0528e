import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createDynamoDb } from "../../local/aws/dynamodb/index.ts";
import { ADMINISTRATOR } from "../../local/aws/kernel/kernel.ts";
import { BUCKET, type MapBench, mapBench } from "../../local/aws/states/distributed/harness.ts";
import { FunctionFailure, fakeLambda, fakeService } from "../../local/aws/states/testing.ts";

const DEFINITION = readFileSync(join(import.meta.dirname, "definition.asl.json"), "utf8");
const TABLE = "state";
const SUBSTITUTIONS: Readonly<Record<string, string>> = {
  PlanArn: "plan",
  StartQueryArn: "start",
  CheckQueryArn: "check",
  StorePageArn: "store",
  LoadBatchArn: "load",
  BucketName: BUCKET,
  StateTableName: TABLE,
  ParkedTableName: "parked",
  FleetBusName: "fleet-bus",
};
export const ORG = "00D5f000005KcCnEAK";

// biome-ignore lint/suspicious/noExplicitAny: tests know the shapes they ask for
type Any = any;

interface Job {
  readonly ids: readonly string[];
  pollsLeft: number;
}

/** A run that has ended. */
export interface Ended {
  readonly status: string;
  readonly executionArn: string;
  readonly output?: string;
  readonly error?: string;
  readonly cause?: string;
}

/**
 * The real definition on the twin, with connectors that know an organisation of ids. They do what the real ones do: a
 * page of a job's result goes into the bucket, and a batch sends whatever the store does not hold.
 */
export class BackfillBench {
  readonly #bench: MapBench;
  readonly #machineArn: string;
  ids: string[] = [];
  /** Polls that see a new query job at work. */
  polls = 0;
  /** How often each account was sent into the sync. */
  readonly sent = new Map<string, number>();
  readonly events: Any[] = [];
  readonly calls: string[] = [];
  /** Told before each call of a connector; what it throws, the call throws. */
  before: (name: string, payload: Any) => void = () => undefined;
  readonly #jobs = new Map<string, Job>();

  private constructor(bench: MapBench, machineArn: string) {
    this.#bench = bench;
    this.#machineArn = machineArn;
  }

  /**
   * @param scale how many times shorter waits are
   * @param alter changes the text of the definition
   */
  static async start(scale: number, alter = (text: string) => text): Promise<BackfillBench> {
    let self: BackfillBench | undefined;
    const running = () => self as BackfillBench;
    const bench = await mapBench(
      [
        fakeLambda((payload, name) => running().#call(name, payload)),
        fakeService("events", { PutEvents: ({ Entries }) => running().#publish(Entries) }),
      ],
      { scale },
    );
    const dynamodb = createDynamoDb(bench.kernel);
    bench.kernel.register(dynamodb);
    for (const [TableName, key] of [
      [TABLE, "key"],
      ["parked", "parkedId"],
    ])
      await dynamodb.resources?.[0]?.create({
        logicalId: TableName as string,
        type: "AWS::DynamoDB::Table",
        stackName: "Fleet",
        artifacts: ".",
        properties: {
          TableName,
          BillingMode: "PAY_PER_REQUEST",
          AttributeDefinitions: [{ AttributeName: key, AttributeType: "S" }],
          KeySchema: [{ AttributeName: key, KeyType: "HASH" }],
        },
      });
    const text = DEFINITION.replace(/\$\{(\w+)\}/g, (placeholder, name) => SUBSTITUTIONS[name] ?? placeholder);
    const machineArn = await bench.machine(JSON.parse(alter(text)));
    self = new BackfillBench(bench, machineArn);
    return self;
  }

  /** The next run of a backfill, as the command line starts it. */
  async run(name: string, run = 1, settings: object = {}): Promise<string> {
    const input = run === 1 ? { orgId: ORG, ...settings } : { orgId: ORG, resumes: name, run };
    const { executionArn } = await this.#bench.api("StartExecution", {
      stateMachineArn: this.#machineArn,
      name: run === 1 ? name : `${name}-run-${run}`,
      input: JSON.stringify(input),
    });
    return executionArn;
  }

  ended(executionArn: string): Promise<Ended> {
    return this.#bench.ended(executionArn);
  }

  arnOf(executionName: string): string {
    return `${this.#machineArn.replace(":stateMachine:", ":execution:")}:${executionName}`;
  }

  stop(executionArn: string): Promise<void> {
    return this.#bench.api("StopExecution", { executionArn });
  }

  redrive(executionArn: string): Promise<unknown> {
    return this.#bench.api("RedriveExecution", { executionArn });
  }

  /** Events of a run's history so far. */
  history(executionArn: string): number {
    return this.#bench.history(executionArn).length;
  }

  /** Lets time pass, in seconds of the scaled clock. */
  pass(seconds: number): Promise<void> {
    return this.#bench.kernel.clock.sleep(seconds * 1000);
  }

  /** Sets the flag of an operator. */
  async setPaused(name: string, paused: boolean): Promise<void> {
    await this.#table(TABLE, "UpdateItem", {
      Key: { key: { S: `backfill/${name}` } },
      UpdateExpression: paused ? "SET paused = :yes" : "REMOVE paused, halted",
      ...(paused ? { ExpressionAttributeValues: { ":yes": { BOOL: true } } } : {}),
    });
  }

  /** What is kept of a backfill. */
  async kept(name: string): Promise<{ progress: Any; halted: boolean; run: number } | undefined> {
    const { Item } = await this.#table(TABLE, "GetItem", {
      Key: { key: { S: `backfill/${name}` } },
      ConsistentRead: true,
    });
    if (!Item) return undefined;
    return { progress: JSON.parse(Item.progress.S), halted: Item.halted?.BOOL === true, run: Number(Item.run.N) };
  }

  /** Parked items as plain attributes. */
  async parked(): Promise<Record<string, string>[]> {
    const { Items } = await this.#table("parked", "Scan", {});
    const plain = ([name, value]: [string, Any]) => [name, Object.values(value)[0]];
    return Items.map((item: object) => Object.fromEntries(Object.entries(item).map(plain)));
  }

  /** Salesforce keeps results for seven days. */
  forgetJobs(): void {
    this.#jobs.clear();
  }

  /** The bucket keeps pages for some months. */
  async forgetPages(): Promise<void> {
    for (const Key of await this.#bench.keys("")) await this.#bucket("DeleteObject", { Key });
  }

  close(): Promise<void> {
    return this.#bench.stop();
  }

  #table(TableName: string, operation: string, input: object): Promise<Any> {
    const { kernel } = this.#bench;
    return kernel.call("dynamodb", operation, { TableName, ...input }, { principal: ADMINISTRATOR });
  }

  #bucket(operation: string, input: object): Promise<Any> {
    const { kernel } = this.#bench;
    return kernel.call("s3", operation, { Bucket: BUCKET, ...input }, { principal: ADMINISTRATOR });
  }

  #publish(entries: readonly Any[]): object {
    this.before("publish", entries);
    this.events.push(...entries.map(({ Detail }) => JSON.parse(Detail)));
    return { FailedEntryCount: 0, Entries: entries.map(() => ({ EventId: "1" })) };
  }

  #call(name: string, { data }: Any): unknown {
    this.calls.push(name);
    this.before(name, data);
    switch (name) {
      case "plan":
        return { records: this.ids.length, billedPerSecond: 12.5 };
      case "start": {
        const jobId = `750${this.calls.length}`;
        // Bulk queries come in no order.
        this.#jobs.set(jobId, { ids: this.ids.toReversed(), pollsLeft: this.polls });
        return { jobId };
      }
      case "check": {
        const job = this.#jobs.get(data.jobId);
        if (!job) return { state: "gone", reason: "NOT_FOUND" };
        if (job.pollsLeft === 0) return { state: "done" };
        job.pollsLeft -= 1;
        return { state: "running" };
      }
      case "store":
        return this.#storePage(data);
      default:
        return this.#loadBatch(data.records.map(({ Id }: Any) => Id));
    }
  }

  async #storePage({ jobId, locator, pageSize, key }: Any): Promise<unknown> {
    const job = this.#jobs.get(jobId);
    if (!job) return { state: "gone", reason: "NOT_FOUND" };
    const from = Number(locator ?? 0);
    const page = job.ids.slice(from, from + pageSize);
    if (page.length > 0) await this.#bench.put(key, page.map((Id) => `${JSON.stringify({ Id })}\n`).join(""));
    const next = from + page.length;
    return { state: "stored", records: page.length, locator: next < job.ids.length ? String(next) : null };
  }

  #loadBatch(ids: readonly string[]): object {
    const fresh = ids.filter((id) => !this.sent.has(id));
    for (const id of fresh) this.sent.set(id, 1);
    const counts = { compared: ids.length, sent: fresh.length, equal: ids.length - fresh.length };
    return { ...counts, behind: 0, unusable: 0 };
  }
}

/** A function's failure, as its runtime reports it. */
export const failure = (name: string, message = "why"): Error => new FunctionFailure(name, message);
