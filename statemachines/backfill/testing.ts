import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type CreateTableCommandInput, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { createParkedTable, type ParkedTable } from "#shared/parked/table.ts";
import type { ParkedItem } from "#shared/parked/work.ts";
import { tableOf } from "#shared/testing/dynamo.ts";
import { parkedTableOf } from "#shared/testing/parked-table.ts";
import { parkBatch } from "../../functions/salesforce/backfill/park-batch.ts";
import { createDynamoDb } from "../../local/aws/dynamodb/index.ts";
import { type Gateway, startGateway } from "../../local/aws/gateway/index.ts";
import { ADMINISTRATOR } from "../../local/aws/kernel/kernel.ts";
import type { Service } from "../../local/aws/kernel/service.ts";
import { BUCKET, type MapBench, mapBench } from "../../local/aws/states/distributed/harness.ts";
import { FunctionFailure, fakeLambda, fakeService } from "../../local/aws/states/testing.ts";
import { agreed } from "./agreed.ts";

const DEFINITION = readFileSync(join(import.meta.dirname, "definition.asl.json"), "utf8");
const STACK = "connector-fleet-local";
const STATE = `${STACK}-salesforce-state`;
const [PARKED, CUSTOMERS] = [`${STACK}-parked`, `${STACK}-customers`];
const SUBSTITUTIONS: Readonly<Record<string, string>> = {
  PlanArn: "plan",
  StartQueryArn: "start",
  CheckQueryArn: "check",
  StorePageArn: "store",
  LoadBatchArn: "load",
  ParkBatchArn: "park",
  BucketName: BUCKET,
  StateTableName: STATE,
  FleetBusName: "fleet-bus",
};
export const ORG = "00D5f000005KcCnEAK";
const CALLS = { apiCalls: 1, callsLeft: 1_000, reserve: 0 };
const SECRET = `connector-fleet/local/salesforce/${ORG}`;

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
 * page of a job's result goes into the bucket, a batch sends whatever the store does not hold, and a bad one is parked.
 */
export class BackfillBench {
  readonly #bench: MapBench;
  readonly #machineArn: string;
  #gateway: Promise<Gateway> | undefined;
  #client: DynamoDBClient | undefined;
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
        fakeLambda((payload, name) => agreed(name, payload, () => running().#call(name, payload))),
        fakeService("events", { PutEvents: ({ Entries }) => running().#publish(Entries) }),
        fakeService("secretsmanager", { ListSecrets: () => ({ SecretList: [{ Name: SECRET }] }) }),
      ],
      { scale },
    );
    const dynamodb = createDynamoDb(bench.kernel);
    bench.kernel.register(dynamodb);
    const behind = { name: "behind", hash: "behindKey", range: "nextTryAt" };
    for (const table of [tableOf(STATE, "key"), parkedTableOf(PARKED), tableOf(CUSTOMERS, "customerId", [behind])])
      await createTable(dynamodb, table);
    const text = DEFINITION.replace(/\$\{(\w+)\}/g, (placeholder, name) => SUBSTITUTIONS[name] ?? placeholder);
    const machineArn = await bench.machine(JSON.parse(alter(text)), { name: `${STACK}-backfill` });
    self = new BackfillBench(bench, machineArn);
    return self;
  }

  /** An endpoint for unmodified clients; it ends with the bench. */
  async origin(): Promise<string> {
    this.#gateway ??= startGateway(this.#bench.kernel);
    return (await this.#gateway).origin;
  }

  /** Leaves customers behind billing, and one that billing refused. */
  async leaveBehind(ids: readonly string[], refused: string): Promise<void> {
    const item = { orgId: { S: ORG }, nextTryAt: { S: "2026-01-01T00:00:00.000Z" } };
    for (const [n, id] of ids.entries())
      await this.#table(CUSTOMERS, "PutItem", {
        Item: { ...item, customerId: { S: id }, behindKey: { S: `billing#${String(n % 16).padStart(2, "0")}` } },
      });
    await this.#table(PARKED, "PutItem", {
      Item: {
        orgId: { S: ORG },
        parkedId: { S: refused },
        part: { N: "0" },
        status: { S: "parked" },
        parkedAt: { S: "2026-01-01T00:00:00.000Z" },
        hop: { S: "customer-sync/UpsertBilling" },
      },
    });
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

  /** Resolves when a backfill has finished, by whichever run. */
  async finished(name: string): Promise<void> {
    while ((await this.kept(name))?.progress.phase !== "finished") await new Promise((next) => setImmediate(next));
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
    await this.#table(STATE, "UpdateItem", {
      Key: { key: { S: `backfill/${name}` } },
      UpdateExpression: paused ? "SET paused = :yes" : "REMOVE paused, halted",
      ...(paused ? { ExpressionAttributeValues: { ":yes": { BOOL: true } } } : {}),
    });
  }

  /** What is kept of a backfill. */
  async kept(name: string): Promise<{ progress: Any; halted: boolean; run: number } | undefined> {
    const { Item } = await this.#table(STATE, "GetItem", {
      Key: { key: { S: `backfill/${name}` } },
      ConsistentRead: true,
    });
    if (!Item) return undefined;
    return { progress: JSON.parse(Item.progress.S), halted: Item.halted?.BOOL === true, run: Number(Item.run.N) };
  }

  /** Everything parked, whole. */
  async parked(): Promise<(ParkedItem | undefined)[]> {
    const table = await this.#parkedTable();
    const { items } = await table.list({ status: "parked" });
    return Promise.all(items.map(({ parkedId }) => table.read(parkedId)));
  }

  /** Takes a piece of parked work further, as a person does. */
  async settle(parkedId: string, status: "redriven" | "discarded"): Promise<void> {
    await (await this.#parkedTable()).move(parkedId, status, { by: "test", at: new Date() });
  }

  /** Salesforce keeps results for seven days. */
  forgetJobs(): void {
    this.#jobs.clear();
  }

  /** The bucket keeps pages for some months. */
  async forgetPages(): Promise<void> {
    for (const Key of await this.#bench.keys("")) await this.#bucket("DeleteObject", { Key });
  }

  async close(): Promise<void> {
    this.#client?.destroy();
    await (await this.#gateway)?.close();
    await this.#bench.stop();
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

  async #parkedTable(): Promise<ParkedTable> {
    this.#client ??= new DynamoDBClient({
      endpoint: await this.origin(),
      region: "us-east-1",
      credentials: { accessKeyId: "AKIATEST", secretAccessKey: "secret" },
    });
    return createParkedTable(PARKED, this.#client);
  }

  #call(name: string, { data, metadata }: Any): unknown {
    this.calls.push(name);
    this.before(name, data);
    switch (name) {
      case "plan":
        return { records: this.ids.length, usd: 0, billedPerSecond: 12.5, billingMinutes: 1, salesforce: CALLS };
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
      case "park":
        return this.#parkBatch(data, metadata);
      default:
        return this.#loadBatch(data.records.map(({ Id }: Any) => Id));
    }
  }

  async #storePage({ jobId, locator, pageSize, key }: Any): Promise<unknown> {
    const job = this.#jobs.get(jobId);
    if (!job) return { state: "gone", reason: "NOT_FOUND" };
    const from = Number(locator ?? 0);
    const page = job.ids.slice(from, from + pageSize);
    const lines = page.map((Id) => `${JSON.stringify({ Id, SystemModstamp: "2026-01-01T00:00:00.000Z" })}\n`);
    if (page.length > 0) await this.#bench.put(key, lines.join(""));
    const next = from + page.length;
    return { state: "stored", records: page.length, locator: next < job.ids.length ? String(next) : null };
  }

  async #parkBatch(data: Any, metadata: Any): Promise<unknown> {
    return parkBatch(data, metadata, { park: (await this.#parkedTable()).park, now: Date.now });
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

async function createTable(dynamodb: Service, properties: CreateTableCommandInput): Promise<void> {
  const resource = { logicalId: properties.TableName ?? "", type: "AWS::DynamoDB::Table", properties };
  await dynamodb.resources?.[0]?.create({ ...resource, stackName: "Fleet", artifacts: "." });
}
