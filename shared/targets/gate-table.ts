import { ConditionalCheckFailedException, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient, GetCommand, UpdateCommand, type UpdateCommandInput } from "@aws-sdk/lib-dynamodb";
import { z } from "zod";
import { awsClient } from "../aws.ts";
import { awsError } from "../aws-errors.ts";
import { batchGet } from "../batch-get.ts";
import { logger } from "../observability.ts";
import { type Breaker, breakerSchema } from "./breaker.ts";
import { AHEAD_MS, type Ask, type Budget, bulkTokens, type Spent, spentSchema, windowAt } from "./budget.ts";

/** What the functions share about one endpoint of a target. */
export interface Row {
  readonly breaker: Breaker;
  readonly spent: Spent;
  /** Grows with every write of the breaker; 0 when there was none. */
  readonly revision: number;
}

/** Whether a write was made, and the row afterwards, or as it is instead. */
export interface Written {
  readonly done: boolean;
  readonly row: Row;
}

/**
 * The rows of all endpoints, one item each, and one item that lists those whose breaker ever opened. Every method throws
 * TransientError, NotAuthorizedError, InvalidInputError or RejectedByTargetError for what DynamoDB answers.
 */
export interface GateTable {
  /** Strongly consistent; an empty row when there is none. */
  read(key: string): Promise<Row>;
  /** Takes the first token of a new window; not done when another function began it, or when the breaker is open. */
  begin(key: string, budget: Budget, ask: Ask): Promise<Written>;
  /** Takes a token of the window that `spent` knows; not done when none is left, or when the breaker is open. */
  take(key: string, budget: Budget, ask: Ask, spent: Spent): Promise<Written>;
  /** Notes that live work waits for the budget. */
  markLive(key: string): Promise<Written>;
  /** Writes the breaker, and the counters if given, unless somebody wrote the breaker since `row` was read. */
  replace(key: string, row: Row, breaker: Breaker, spent?: Spent): Promise<Written>;
  /** Lists the endpoint among those whose breaker ever opened. */
  register(key: string): Promise<void>;
  /** Every row whose breaker ever opened. */
  list(): Promise<Map<string, Row>>;
}

interface Write {
  /** Values of attributes; undefined removes one. */
  readonly set: Readonly<Record<string, unknown>>;
  readonly add?: Readonly<Record<string, number>>;
  readonly condition: string;
  /** Further values of the condition, by name. */
  readonly values?: Readonly<Record<string, number>>;
}

/** What is known of an endpoint that nobody called yet. */
export const EMPTY_ROW: Row = { breaker: {}, spent: { used: 0, bulk: 0 }, revision: 0 };

/** One item, so that the list of rows is one read. */
const REGISTRY = "gates";
/** The row of an endpoint that nobody calls any more goes after so long. */
const KEPT_SECONDS = 30 * 24 * 3600;

const rowSchema = z.object({ ...breakerSchema.shape, ...spentSchema.shape, revision: z.number().default(0) });
const ATTRIBUTES = Object.keys(rowSchema.shape);
const registrySchema = z.object({ keys: z.set(z.string()).default(new Set()) }).catch({ keys: new Set() });
/** The table with this name; key attribute `key`, time to live in `expiresAt`. */
export function createGateTable(
  tableName: string,
  { client = awsClient(new DynamoDBClient({})), now = Date.now } = {},
): GateTable {
  const table = DynamoDBDocumentClient.from(client, { marshallOptions: { removeUndefinedValues: true } });
  const failed = (operation: string) => (cause: unknown) => {
    throw awsError(cause, `DynamoDB ${operation} on ${tableName}`);
  };

  async function readItem(key: string): Promise<Record<string, unknown> | undefined> {
    const command = new GetCommand({ TableName: tableName, Key: { key }, ConsistentRead: true });
    return (await table.send(command).catch(failed("GetItem"))).Item;
  }

  function update(key: string, input: Omit<UpdateCommandInput, "TableName" | "Key">) {
    return table.send(new UpdateCommand({ TableName: tableName, Key: { key }, ...input }));
  }

  async function write(key: string, input: Write): Promise<Written> {
    const expiresAt = Math.floor(now() / 1000) + KEPT_SECONDS;
    try {
      const { Attributes } = await update(key, toUpdate({ ...input, set: { ...input.set, expiresAt } }));
      return { done: true, row: await understand(key, Attributes) };
    } catch (cause) {
      if (!(cause instanceof ConditionalCheckFailedException)) return failed("UpdateItem")(cause);
      return { done: false, row: await understand(key, await readItem(key)) };
    }
  }

  /** A row that cannot be understood would keep everybody from the target for ever: it starts afresh. */
  async function understand(key: string, item: Record<string, unknown> | undefined): Promise<Row> {
    const result = rowSchema.safeParse(item ?? {});
    if (result.success) return toRow(result.data);
    logger.warn("The state of an endpoint could not be understood and starts afresh", { key });
    const set = Object.fromEntries(ATTRIBUTES.map((name) => [name, undefined]));
    await update(key, toUpdate({ set, condition: "attribute_exists(#key)" })).catch(failed("UpdateItem"));
    return EMPTY_ROW;
  }

  return {
    read: async (key) => understand(key, await readItem(key)),

    begin(key, budget, { bulk, now }) {
      const begun = windowAt(budget, now);
      const may = bulk && bulkTokens(budget, begun) < 1 ? ` AND (${NOBODY_WAITS})` : "";
      return write(key, {
        set: { windowAt: begun, used: 1, bulk: bulk ? 1 : 0 },
        condition: `${CLOSED} AND (${OLDER})${may}`,
        values: { begun, ahead: begun + AHEAD_MS, ...(may ? { stale: now - budget.liveMs } : {}) },
      });
    },

    take(key, budget, { bulk, now }, spent) {
      const begun = spent.windowAt ?? windowAt(budget, now);
      return write(key, {
        set: {},
        add: { used: 1, bulk: bulk ? 1 : 0 },
        condition: `${CLOSED} AND #windowAt = :begun AND #used < :tokens${bulk ? ` AND (${NOBODY_WAITS} OR ${LEFT})` : ""}`,
        values: {
          begun,
          tokens: budget.tokens,
          ...(bulk ? { stale: now - budget.liveMs, bulkTokens: bulkTokens(budget, begun) } : {}),
        },
      });
    },

    markLive: (key) => write(key, { set: { liveAt: now() }, condition: "attribute_exists(#key)" }),

    replace(key, row, { open, recent, closed }, spent) {
      const known = row.revision === 0 ? "attribute_not_exists(#revision)" : "#revision = :known";
      return write(key, {
        set: { open, recent, closed, ...spent, revision: row.revision + 1 },
        condition: known,
        values: row.revision === 0 ? {} : { known: row.revision },
      });
    },

    async register(key) {
      await update(REGISTRY, {
        UpdateExpression: "ADD #keys :keys",
        ExpressionAttributeNames: { "#keys": "keys" },
        ExpressionAttributeValues: { ":keys": new Set([key]) },
      }).catch(failed("UpdateItem"));
    },

    async list() {
      const { keys } = registrySchema.parse((await readItem(REGISTRY)) ?? {});
      const items = await batchGet(
        table,
        tableName,
        [...keys].map((key) => ({ key })),
      );
      const rows = new Map<string, Row>();
      for (const item of items) rows.set(String(item.key), await understand(String(item.key), item));
      return rows;
    },
  };
}

const CLOSED = "attribute_not_exists(#open)";
const OLDER = "attribute_not_exists(#windowAt) OR #windowAt < :begun OR #windowAt > :ahead";
const NOBODY_WAITS = "attribute_not_exists(#liveAt) OR #liveAt <= :stale";
const LEFT = "#bulk < :bulkTokens";

/** Every attribute goes by an alias, as DynamoDB keeps words like `open` and `used` for itself. */
function toUpdate({ set, add = {}, condition, values = {} }: Write): Omit<UpdateCommandInput, "TableName" | "Key"> {
  const present = Object.entries(set).filter(([, value]) => value !== undefined);
  const gone = Object.keys(set).filter((name) => set[name] === undefined);
  const clauses: [string, string[]][] = [
    ["SET", present.map(([name]) => `#${name} = :${name}`)],
    ["REMOVE", gone.map((name) => `#${name}`)],
    ["ADD", Object.keys(add).map((name) => `#${name} :${name}`)],
  ];
  const used = clauses.filter(([, parts]) => parts.length > 0);
  const expression = used.map(([word, parts]) => `${word} ${parts.join(", ")}`).join(" ");
  const aliases = `${expression} ${condition}`.match(/#\w+/g) ?? [];
  const all = Object.entries({ ...Object.fromEntries(present), ...add, ...values });
  return {
    UpdateExpression: expression,
    ConditionExpression: condition,
    ExpressionAttributeNames: Object.fromEntries(aliases.map((alias) => [alias, alias.slice(1)])),
    ...(all.length > 0
      ? { ExpressionAttributeValues: Object.fromEntries(all.map(([name, value]) => [`:${name}`, value])) }
      : {}),
    ReturnValues: "ALL_NEW",
  };
}

function toRow({ open, recent, closed, revision, ...spent }: z.infer<typeof rowSchema>): Row {
  const breaker = { ...(open ? { open } : {}), ...(recent ? { recent } : {}), ...(closed ? { closed } : {}) };
  return { breaker, spent, revision };
}
