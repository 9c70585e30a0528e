import type { Clock } from "../kernel/clock.ts";
import { AwsError } from "../kernel/errors.ts";
import type { Engine, Item } from "./engine.ts";

/** How often expired items are looked for; AWS promises no more than "within a few days". */
const SWEEP_MS = 60 * 60 * 1000;

/** The time-to-live attribute of each table that has one. */
export type TimeToLive = Map<string, string>;

/** Deletes the items of `table` whose time is over. https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/howitworks-ttl.html */
export async function deleteExpired(engine: Engine, table: string, attribute: string, now: number): Promise<number> {
  const expression = {
    ExpressionAttributeNames: { "#ttl": attribute },
    ExpressionAttributeValues: { ":now": { N: String(Math.floor(now / 1000)) } },
  };
  const { Table } = await engine.run<{ Table: { KeySchema: { AttributeName: string }[] } }>("DescribeTable", {
    TableName: table,
  });
  let deleted = 0;
  let start: Item | undefined;
  do {
    const page: { Items: Item[]; LastEvaluatedKey?: Item } = await engine.run("Scan", {
      TableName: table,
      FilterExpression: "#ttl < :now",
      ...expression,
      ...(start ? { ExclusiveStartKey: start } : {}),
    });
    for (const item of page.Items) {
      const Key = Object.fromEntries(Table.KeySchema.map(({ AttributeName }) => [AttributeName, item[AttributeName]]));
      deleted += await deleteOne(engine, { TableName: table, Key, ConditionExpression: "#ttl < :now", ...expression });
    }
    start = page.LastEvaluatedKey;
  } while (start);
  return deleted;
}

/** An item that was renewed since the scan stays. */
async function deleteOne(engine: Engine, input: unknown): Promise<number> {
  try {
    await engine.run("DeleteItem", input);
    return 1;
  } catch (cause) {
    if (cause instanceof AwsError && cause.code === "ConditionalCheckFailedException") return 0;
    throw cause;
  }
}

/** Sweeps all tables again and again until the returned function is called. */
export function sweepRegularly(clock: Clock, engine: Engine, ttl: TimeToLive): () => void {
  let cancel: () => void = () => undefined;
  let ended = false;
  const sweep = async () => {
    for (const [table, attribute] of ttl)
      await deleteExpired(engine, table, attribute, clock.now()).catch((cause) => {
        if (!ended) process.emitWarning(`Expired items of ${table} were not deleted: ${cause}`);
      });
    plan();
  };
  const plan = () => {
    if (!ended) cancel = clock.after(SWEEP_MS, () => void sweep());
  };
  plan();
  return () => {
    ended = true;
    cancel();
  };
}
