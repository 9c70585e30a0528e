import { isDeepStrictEqual } from "node:util";
import { AwsError } from "../kernel/errors.ts";
import type { ItemInput } from "./access.ts";
import type { DynaliteOperation, Engine, Item, TableDescription } from "./engine.ts";

const MAX_ACTIONS = 100;

/** One action of a transaction, with the operation that dynalite has for it; a check writes nothing. */
interface Step {
  readonly operation: DynaliteOperation;
  readonly input: ItemInput & { readonly ReturnValuesOnConditionCheckFailure?: string };
  readonly writes: boolean;
}

interface Before {
  readonly step: Step;
  readonly key: Item;
  readonly item: Item | undefined;
}

/** The IAM action and the input of each member of a transaction. */
export function transactSteps(items: readonly Readonly<Record<string, ItemInput>>[] | undefined): Step[] {
  return (items ?? []).map((item) => {
    if (item.Put) return { operation: "PutItem", input: item.Put, writes: true };
    if (item.Update) return { operation: "UpdateItem", input: item.Update, writes: true };
    if (item.Delete) return { operation: "DeleteItem", input: item.Delete, writes: true };
    // A check has the members of a conditional delete.
    if (item.ConditionCheck) return { operation: "DeleteItem", input: item.ConditionCheck, writes: false };
    throw new AwsError(
      "ValidationException",
      "Each item of TransactItems needs Put, Update, Delete or ConditionCheck.",
    );
  });
}

/**
 * Makes all writes or none. The caller must let no other write in between.
 * https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
 * @throws AwsError `TransactionCanceledException` with one reason per action when a condition does not hold
 */
export async function transactWrite(engine: Engine, steps: readonly Step[]): Promise<void> {
  if (steps.length === 0 || steps.length > MAX_ACTIONS)
    throw new AwsError("ValidationException", `A transaction takes 1 to ${MAX_ACTIONS} actions, not ${steps.length}.`);
  const before: Before[] = [];
  const reasons: Record<string, unknown>[] = [];
  for (const step of steps) {
    const { item, error } = await engine.examine(step.operation, step.input);
    before.push({ step, item, key: await keyOf(engine, step.input) });
    reasons.push(error ? reason(step, error, item) : { Code: "None" });
  }
  refuseTwice(before);
  if (reasons.some(({ Code }) => Code !== "None")) throw cancelled(reasons);
  await apply(engine, before);
}

/** Reads every item of a transaction. */
export async function transactGet(engine: Engine, items: readonly { Get: ItemInput }[]): Promise<{ Item?: Item }[]> {
  const responses: { Item?: Item }[] = [];
  for (const { Get } of items) {
    const { Item } = await engine.run<{ Item?: Item }>("GetItem", { ...Get, ConsistentRead: true });
    responses.push(Item ? { Item } : {});
  }
  return responses;
}

/** A write that dynalite refuses half-way, such as an update of a path that does not exist, undoes those before it. */
async function apply(engine: Engine, before: readonly Before[]): Promise<void> {
  const done: Before[] = [];
  try {
    for (const entry of before.filter(({ step }) => step.writes)) {
      await engine.run(entry.step.operation, entry.step.input);
      done.push(entry);
    }
  } catch (cause) {
    for (const { step, item, key } of done.reverse()) {
      const { TableName } = step.input;
      if (item) await engine.run("PutItem", { TableName, Item: item });
      else await engine.run("DeleteItem", { TableName, Key: key });
    }
    throw cause;
  }
}

async function keyOf(engine: Engine, { TableName, Item, Key }: ItemInput): Promise<Item> {
  if (Key) return Key;
  const { Table } = await engine.run<{ Table: TableDescription }>("DescribeTable", { TableName });
  return Object.fromEntries(Table.KeySchema.map(({ AttributeName }) => [AttributeName, Item?.[AttributeName] ?? {}]));
}

function refuseTwice(before: readonly Before[]): void {
  for (const [index, { step, key }] of before.entries())
    for (const other of before.slice(index + 1))
      if (other.step.input.TableName === step.input.TableName && isDeepStrictEqual(other.key, key))
        throw new AwsError("ValidationException", "Transaction request cannot include multiple operations on one item");
}

function reason(step: Step, error: Error, item: Item | undefined): Record<string, unknown> {
  const wanted = step.input.ReturnValuesOnConditionCheckFailure === "ALL_OLD";
  return { Code: "ConditionalCheckFailed", Message: error.message, ...(wanted && item ? { Item: item } : {}) };
}

function cancelled(reasons: readonly Record<string, unknown>[]): AwsError {
  const codes = reasons.map(({ Code }) => Code).join(", ");
  const message = `Transaction cancelled, please refer cancellation reasons for specific reasons [${codes}]`;
  return new AwsError("TransactionCanceledException", message, {
    body: {
      __type: "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
      Message: message,
      CancellationReasons: reasons,
    },
  });
}
