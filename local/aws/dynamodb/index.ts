import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { AwsError } from "../kernel/errors.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { Operation, Service } from "../kernel/service.ts";
import { batchAccess, type ItemInput, itemAccess, tableArn, tableName } from "./access.ts";
import {
  DYNALITE_OPERATIONS,
  type DynaliteOperation,
  type Engine,
  openEngine,
  type TableDescription,
} from "./engine.ts";
import { tableProvider } from "./table.ts";
import { transactGet, transactSteps, transactWrite } from "./transact.ts";
import { sweepRegularly } from "./ttl.ts";

const READS: readonly DynaliteOperation[] = ["GetItem", "Query", "Scan"];
const WRITES: readonly DynaliteOperation[] = ["PutItem", "UpdateItem", "DeleteItem"];
const TRANSACTION_ACTIONS = { Put: "PutItem", Update: "UpdateItem", Delete: "DeleteItem" } as const;
/** How long a ClientRequestToken makes a repeated transaction harmless. */
const TOKEN_MS = 10 * 60 * 1000;

interface State {
  /** Time-to-live attribute by table. */
  readonly ttl: Map<string, string>;
  /** Tables that must not be deleted. */
  readonly protected: Set<string>;
  /** Partition key attribute by table. */
  readonly partitionKeys: Map<string, string>;
  readonly tokens: Map<string, { readonly at: number; readonly body: string }>;
}

/**
 * DynamoDB on dynalite. `stateDir` keeps the items in a folder below it; without it they live in memory.
 * Transactions, `ReturnValuesOnConditionCheckFailure` and time to live, which dynalite lacks, are added here.
 */
export function createDynamoDb(kernel: Kernel, options: { readonly stateDir?: string } = {}): Service {
  const engine = openEngine(options.stateDir ? tableFolder(options.stateDir) : undefined);
  const state: State = { ttl: new Map(), protected: new Set(), partitionKeys: new Map(), tokens: new Map() };
  let endSweep: () => void = () => undefined;
  return {
    name: "dynamodb",
    wire: { kind: "json", version: "1.0", targetPrefix: "DynamoDB_20120810." },
    operations: operationsOf(kernel, engine, state),
    resources: [
      tableProvider(engine, {
        made({ TableName, KeySchema }, { properties }) {
          state.partitionKeys.set(TableName, partitionKey({ KeySchema }));
          const { Enabled, AttributeName } = properties.TimeToLiveSpecification ?? {};
          if (Enabled === true || Enabled === "true") state.ttl.set(TableName, AttributeName);
          else state.ttl.delete(TableName);
          protect(state, TableName, String(properties.DeletionProtectionEnabled) === "true");
        },
        beforeDelete: (table) => refuseProtected(state, table),
        deleted: (table) => state.ttl.delete(table),
      }),
    ],
    snapshot: () => ({ ttl: [...state.ttl] }),
    async restore(snapshot) {
      for (const [table, attribute] of (snapshot as { ttl: [string, string][] }).ttl) state.ttl.set(table, attribute);
      const { TableNames } = await engine.run<{ TableNames: string[] }>("ListTables", {});
      for (const TableName of TableNames) {
        const { Table } = await engine.run<{ Table: TableDescription }>("DescribeTable", { TableName });
        state.partitionKeys.set(TableName, partitionKey(Table));
      }
    },
    start() {
      endSweep = sweepRegularly(kernel.clock, engine, state.ttl);
    },
    async stop() {
      endSweep();
      await engine.close();
    },
  };
}

function tableFolder(stateDir: string): string {
  mkdirSync(stateDir, { recursive: true });
  return join(stateDir, "dynamodb");
}

function partitionKey({ KeySchema }: Pick<TableDescription, "KeySchema">): string {
  return KeySchema.find(({ KeyType }) => KeyType === "HASH")?.AttributeName ?? "";
}

function operationsOf(kernel: Kernel, engine: Engine, state: State): Record<string, Operation> {
  const keyOf = (table: string) => state.partitionKeys.get(table);
  const exclusively = createQueue();
  const items = Object.fromEntries(
    [...READS, ...WRITES].map((name) => [
      name,
      {
        access: (input: ItemInput) => [itemAccess(name, input, keyOf)],
        run: (input: ItemInput) =>
          READS.includes(name) ? engine.run(name, named(input)) : exclusively(() => write(engine, name, named(input))),
      },
    ]),
  );
  const batches = Object.fromEntries(
    (["BatchGetItem", "BatchWriteItem"] as const).map((name) => [
      name,
      {
        access: (input: { RequestItems: Record<string, unknown> }) => batchAccess(name, input.RequestItems, keyOf),
        run: (input: unknown) => exclusively(() => engine.run(name, input)),
      },
    ]),
  );
  return {
    ...tableOperations(engine, state),
    ...items,
    ...batches,
    TransactWriteItems: {
      access: (input: TransactInput) =>
        (input.TransactItems ?? []).flatMap((item) =>
          Object.entries(item).map(([kind, member]) =>
            itemAccess(
              TRANSACTION_ACTIONS[kind as keyof typeof TRANSACTION_ACTIONS] ?? "ConditionCheckItem",
              member,
              keyOf,
            ),
          ),
        ),
      run: (input: TransactInput) =>
        exclusively(async () => {
          if (isRepeated(state.tokens, input, kernel.clock.now())) return {};
          await transactWrite(engine, transactSteps(input.TransactItems));
          if (input.ClientRequestToken)
            state.tokens.set(input.ClientRequestToken, { at: kernel.clock.now(), body: bodyOf(input) });
          return {};
        }),
    },
    TransactGetItems: {
      access: (input: { TransactItems: { Get: ItemInput }[] }) =>
        input.TransactItems.map(({ Get }) => itemAccess("GetItem", Get, keyOf)),
      run: (input: { TransactItems: { Get: ItemInput }[] }) =>
        exclusively(async () => ({ Responses: await transactGet(engine, input.TransactItems) })),
    },
  };
}

interface TransactInput {
  readonly TransactItems?: readonly Readonly<Record<string, ItemInput>>[];
  readonly ClientRequestToken?: string;
}

function tableOperations(engine: Engine, state: State): Record<string, Operation> {
  const done = new Set<string>([...READS, ...WRITES, "BatchGetItem", "BatchWriteItem"]);
  const plain = DYNALITE_OPERATIONS.filter((name) => !done.has(name)).map((name): [string, Operation] => [
    name,
    {
      access: (input: ItemInput & { ResourceArn?: string }) => [
        {
          action: `dynamodb:${name}`,
          resource: name === "ListTables" ? "*" : tableArn(input.TableName ?? input.ResourceArn),
        },
      ],
      run: async (input: ItemInput) => {
        if (name === "CreateTable") refuseStreams(input);
        if (name === "DeleteTable") refuseProtected(state, tableName(input.TableName));
        const output = await runOnTable(engine, state, name, named(input));
        const created = (output as { TableDescription?: TableDescription }).TableDescription;
        if (name === "CreateTable" && created) state.partitionKeys.set(created.TableName, partitionKey(created));
        if (name === "DeleteTable") state.ttl.delete(tableName(input.TableName));
        return output;
      },
    },
  ]);
  return {
    ...Object.fromEntries(plain),
    DescribeTimeToLive: timeToLive("DescribeTimeToLive", async (table) => {
      await engine.run("DescribeTable", { TableName: table });
      const AttributeName = state.ttl.get(table);
      const TimeToLiveDescription = AttributeName
        ? { TimeToLiveStatus: "ENABLED", AttributeName }
        : { TimeToLiveStatus: "DISABLED" };
      return { TimeToLiveDescription };
    }),
    UpdateTimeToLive: timeToLive("UpdateTimeToLive", async (table, { TimeToLiveSpecification }) => {
      await engine.run("DescribeTable", { TableName: table });
      if (TimeToLiveSpecification?.Enabled) state.ttl.set(table, TimeToLiveSpecification.AttributeName);
      else state.ttl.delete(table);
      return { TimeToLiveSpecification };
    }),
  };
}

/** Deletion protection, of which dynalite knows nothing, is laid over what it does. */
async function runOnTable(engine: Engine, state: State, name: DynaliteOperation, input: ItemInput): Promise<object> {
  const { DeletionProtectionEnabled, ...rest } = input as ItemInput & { readonly DeletionProtectionEnabled?: boolean };
  const isAlone = name === "UpdateTable" && Object.keys(rest).length === 1;
  const output = await engine.run(isAlone ? "DescribeTable" : name, rest);
  const member = ["Table", "TableDescription"].find((known) => known in output);
  if (!member) return output;
  const table = output[member] as TableDescription;
  if (DeletionProtectionEnabled !== undefined) protect(state, table.TableName, DeletionProtectionEnabled);
  const told = { ...table, DeletionProtectionEnabled: state.protected.has(table.TableName) };
  return { [isAlone ? "TableDescription" : member]: told };
}

function protect(state: State, table: string, isProtected: boolean): void {
  if (isProtected) state.protected.add(table);
  else state.protected.delete(table);
}

function refuseProtected(state: State, table: string): void {
  if (!state.protected.has(table)) return;
  throw new AwsError(
    "ValidationException",
    "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first.",
  );
}

interface TimeToLiveInput {
  readonly TableName?: string;
  readonly TimeToLiveSpecification?: { readonly Enabled: boolean; readonly AttributeName: string };
}

function timeToLive(name: string, run: (table: string, input: TimeToLiveInput) => Promise<unknown>): Operation {
  return {
    access: (input: TimeToLiveInput) => [{ action: `dynamodb:${name}`, resource: tableArn(input.TableName) }],
    run: (input: TimeToLiveInput) => run(tableName(input.TableName), input),
  };
}

/** One write, with the item that made its condition fail when the caller asks for it. */
async function write(engine: Engine, name: DynaliteOperation, input: unknown): Promise<unknown> {
  try {
    return await engine.run(name, input);
  } catch (cause) {
    const wanted = (input as { ReturnValuesOnConditionCheckFailure?: string }).ReturnValuesOnConditionCheckFailure;
    if (!(cause instanceof AwsError) || cause.code !== "ConditionalCheckFailedException" || wanted !== "ALL_OLD")
      throw cause;
    const { item } = await engine.examine(name, input);
    throw new AwsError(cause.code, cause.message, { body: { ...cause.body, ...(item ? { Item: item } : {}) }, cause });
  }
}

/** dynalite takes table names only; AWS takes ARNs as well. */
function named<Input extends { readonly TableName?: string }>(input: Input): Input {
  return input?.TableName?.startsWith("arn:") ? { ...input, TableName: tableName(input.TableName) } : input;
}

function refuseStreams(
  input: ItemInput & { readonly StreamSpecification?: { readonly StreamEnabled?: boolean } },
): void {
  if (input.StreamSpecification?.StreamEnabled)
    throw new AwsError("ValidationException", "The twin's DynamoDB has no streams.");
}

function bodyOf({ TransactItems }: TransactInput): string {
  return JSON.stringify(TransactItems);
}

function isRepeated(tokens: State["tokens"], input: TransactInput, now: number): boolean {
  for (const [token, { at }] of tokens) if (now - at > TOKEN_MS) tokens.delete(token);
  const earlier = input.ClientRequestToken ? tokens.get(input.ClientRequestToken) : undefined;
  if (earlier && earlier.body !== bodyOf(input))
    throw new AwsError("IdempotentParameterMismatchException", "The token was used for another transaction.");
  return earlier !== undefined;
}

/** Writes happen one after the other, so that nothing comes between a transaction's checks and its writes. */
function createQueue(): <Output>(work: () => Promise<Output>) => Promise<Output> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const next = last.then(work);
    last = next.catch(() => undefined);
    return next;
  };
}
