import { createRequire } from "node:module";
import { setTimeout as pause } from "node:timers/promises";
import { AwsError } from "../kernel/errors.ts";
import { ACCOUNT, REGION } from "../kernel/names.ts";
import { cappedParsers } from "./expressions.ts";

/** An item as the wire carries it: `{ id: { S: "1" } }`. */
export type Item = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

export interface TableDescription {
  readonly TableName: string;
  readonly TableArn: string;
  readonly TableStatus: string;
  readonly KeySchema: readonly { readonly AttributeName: string; readonly KeyType: "HASH" | "RANGE" }[];
  readonly [member: string]: unknown;
}

type Callback = (error: DynaliteError | null, output?: unknown) => void;
type DynaliteError = Error & { statusCode?: number; body?: Record<string, unknown> };
type Data = Record<string, unknown>;

interface Store {
  readonly db: { open(): Promise<void> };
  readonly tableDb: { awsAccountId: string; awsRegion: string };
  readonly lifecycleManager: { gracefulClose(done: (error?: Error) => void): void };
  getItemDb(table: string): { get(key: string, done: (error: Error | null, item?: Item) => void): void };
}

interface Database {
  create(options: Record<string, unknown>): Store;
  createKey(item: unknown, table: TableDescription): string;
  validateKey(key: unknown, table: TableDescription): DynaliteError | null | undefined;
  checkConditional(data: Data, existing: Item | undefined): DynaliteError | null | undefined;
}

interface Validations {
  checkTypes(data: Data, types: unknown): Data;
  checkValidations(data: Data, types: unknown, custom: unknown, store: Store): void;
}

// dynalite is run in process, without its HTTP server: its parts are plain CommonJS modules.
const require = createRequire(import.meta.url);
const database: Database = require("dynalite/db");
const validations: Validations = require("dynalite/validations");
// The generated parsers take exponential time; dynalite finds ours in their place.
const projection = { ...require("dynalite/db/projectionParser") };
for (const [name, parser] of Object.entries(cappedParsers(projection)))
  Object.assign(require(`dynalite/db/${name}`), parser);

/** The operations that dynalite itself has. */
export const DYNALITE_OPERATIONS = [
  ...["BatchGetItem", "BatchWriteItem", "CreateTable", "DeleteItem", "DeleteTable", "DescribeTable", "GetItem"],
  ...["ListTables", "PutItem", "Query", "Scan", "TagResource", "UntagResource", "ListTagsOfResource"],
  ...["UpdateItem", "UpdateTable"],
] as const;

export type DynaliteOperation = (typeof DYNALITE_OPERATIONS)[number];

/** dynalite, in process. */
export interface Engine {
  /** Runs an operation on the wire's own input. @throws AwsError as DynamoDB would answer */
  run<Output = Record<string, unknown>>(operation: DynaliteOperation, input: unknown): Promise<Output>;
  /** The item that `input` (of a put, update, delete or check) is about, and whether its condition holds for it. */
  examine(operation: DynaliteOperation, input: unknown): Promise<{ item?: Item; error?: Error }>;
  close(): Promise<void>;
}

/** Opens the tables in the folder `path`, or in memory. Tables are usable as soon as their call returns. */
export function openEngine(path?: string): Engine {
  const store = database.create({ createTableMs: 0, deleteTableMs: 0, updateTableMs: 0, ...(path ? { path } : {}) });
  store.tableDb.awsAccountId = ACCOUNT;
  store.tableDb.awsRegion = REGION;
  const opened = store.db.open();
  // Reported by the first call; until then the rejection must not end the process.
  opened.catch(() => undefined);

  const underWay = new Set<Promise<unknown>>();
  let closed = false;
  /** dynalite throws out of its callbacks once its store is closed, so closing waits for what has begun. */
  const tracked = <Output>(work: Promise<Output>): Promise<Output> => {
    underWay.add(work);
    return work.finally(() => underWay.delete(work));
  };

  const run = <Output = Record<string, unknown>>(operation: DynaliteOperation, input: unknown): Promise<Output> =>
    tracked(runUntracked<Output>(operation, input));

  const runUntracked = async <Output>(operation: DynaliteOperation, input: unknown): Promise<Output> => {
    await ready(opened, path);
    if (closed) throw new AwsError("InternalServerError", "The twin is stopping.", { status: 500 });
    const data = validate(store, operation, input);
    const action = require(`dynalite/actions/${lowerFirst(operation)}`);
    const output = await new Promise((resolve, reject) => {
      const done: Callback = (error, result) => (error ? reject(asAwsError(error)) : resolve(result));
      action(store, data, done);
    });
    if (operation !== "CreateTable" && operation !== "UpdateTable" && operation !== "DeleteTable")
      return output as Output;
    return (await settle(operation, data.TableName as string, output)) as Output;
  };

  /** Waits for the status that dynalite sets a moment after it has answered. */
  const settle = async (operation: DynaliteOperation, TableName: string, output: unknown): Promise<unknown> => {
    for (;;) {
      try {
        const { Table } = await run<{ Table: TableDescription }>("DescribeTable", { TableName });
        if (Table.TableStatus === "ACTIVE" && operation !== "DeleteTable") return { TableDescription: Table };
      } catch (cause) {
        if (operation === "DeleteTable" && (cause as AwsError).code === "ResourceNotFoundException") return output;
        throw cause;
      }
      await pause(1);
    }
  };

  return {
    run,
    async examine(operation, input) {
      const { TableName } = input as { TableName: string };
      const { Table } = await run<{ Table: TableDescription }>("DescribeTable", { TableName });
      const data = validate(store, operation, input);
      const source = data.Item ?? data.Key;
      const badKey = data.Key ? database.validateKey(data.Key, Table) : undefined;
      if (badKey) throw asAwsError(badKey);
      const read = new Promise<Item | undefined>((resolve, reject) => {
        const key = database.createKey(source, Table);
        store.getItemDb(TableName).get(key, (error, found) => (error ? reject(error) : resolve(found)));
      });
      const item = await tracked(read);
      const error = database.checkConditional(data, item);
      return { ...(item ? { item } : {}), ...(error ? { error: asAwsError(error) } : {}) };
    },
    async close() {
      closed = true;
      await opened.catch(() => undefined);
      await Promise.allSettled(underWay);
      await new Promise<void>((resolve, reject) => {
        store.lifecycleManager.gracefulClose((error) => (error ? reject(error) : resolve()));
      });
    },
  };
}

async function ready(opened: Promise<void>, path: string | undefined): Promise<void> {
  try {
    await opened;
  } catch (cause) {
    throw new Error(`The tables in ${path} cannot be opened; is another twin using them? (${String(cause)})`, {
      cause,
    });
  }
}

/** dynalite writes into what it is given, so it gets a copy. */
function validate(store: Store, operation: DynaliteOperation, input: unknown): Data {
  const { types, custom } = require(`dynalite/validations/${lowerFirst(operation)}`);
  try {
    const data = validations.checkTypes(structuredClone(input) as Data, types);
    validations.checkValidations(data, types, custom, store);
    return data;
  } catch (cause) {
    throw asAwsError(cause as DynaliteError);
  }
}

function asAwsError(error: DynaliteError): Error {
  if (!error.statusCode || !error.body) return error;
  const { __type, message, Message, ...body } = error.body as Record<string, string>;
  const code = (__type ?? "InternalServerError").split("#").at(-1) ?? "InternalServerError";
  return new AwsError(code, message ?? Message ?? "", {
    status: error.statusCode,
    body: { __type, ...body },
    cause: error,
  });
}

function lowerFirst(operation: string): string {
  return operation.charAt(0).toLowerCase() + operation.slice(1);
}
