import { ConditionalCheckFailedException, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient, GetCommand, UpdateCommand, type UpdateCommandInput } from "@aws-sdk/lib-dynamodb";
import { awsClient } from "../aws.ts";
import { awsError } from "../aws-errors.ts";
import { batchGet } from "../batch-get.ts";
import { failedAgain } from "../failing.ts";
import { retryAfter } from "./back-off.ts";
import { type BehindCustomer, type BehindIndex, createBehindIndex } from "./behind-index.ts";
import { assignMark, behindKey, type Mark, markName, markSchema, markValues, type Target, targetOf } from "./marks.ts";

/** Why a try failed, without personal data. */
export interface TryError {
  readonly name: string;
  readonly code: string;
  readonly message: string;
  /** Seconds that the target asked to wait. */
  readonly retryAfterSeconds?: number | undefined;
  /** Whether the time from now on counts until the work is given up: not for what is nobody's fault but ours or the target's. */
  readonly counts?: boolean;
  /** Whether a call was made, by default true; otherwise the tries stay as they are. */
  readonly isTry?: boolean;
}

/** Parked work that keeps a target where it is until a newer version comes, or a person redrives it. */
export interface ParkedAt {
  readonly target: Target;
  readonly parkedId: string;
  /** Where the run stopped, such as `UpsertBilling`. */
  readonly state: string;
  readonly version: string;
}

/** What of the customers table the index `behind` is about. Every method throws the fleet's errors for what DynamoDB answers. */
export interface Behind extends BehindIndex {
  /** Puts the next try off while somebody works at the customer; false when somebody else was faster. */
  take(customer: BehindCustomer, seconds: number): Promise<boolean>;
  /** The customer is in step with the target at this version: the next target of the chain is looked at. */
  reached(customerId: string, target: Target, version: string): Promise<void>;
  /**
   * Notes that a try failed, and when the next one is.
   * @returns the mark as it is now; undefined when the target is not behind (any more)
   */
  failed(customerId: string, target: Target, error: TryError): Promise<Mark | undefined>;
  /**
   * Puts the next try `seconds` ahead when it is later than that: nothing was tried, as for want of budget. No try is
   * counted, and a customer that is in step, or due earlier, stays as it is.
   */
  postpone(customerId: string, target: Target, seconds: number): Promise<void>;
  /** Those of the customers that are behind the target: what is not done for them now is not forgotten. */
  marked(customerIds: readonly string[], target: Target): Promise<Set<string>>;
  /** Leaves the target where it is: only a person, or a newer version, brings it further. */
  giveUp(customerId: string, parked: ParkedAt): Promise<void>;
  /** Puts the customer behind the target and due at once, whatever is parked; false when it is not stored. */
  retryNow(customerId: string, target: Target): Promise<boolean>;
}

/** The marks in the table of customers. */
export function createBehind(
  tableName: string,
  { client = awsClient(new DynamoDBClient({})), now = Date.now, random = Math.random } = {},
): Behind {
  const table = DynamoDBDocumentClient.from(client, { marshallOptions: { removeUndefinedValues: true } });

  /** False when the condition does not hold. */
  async function update(customerId: string, input: Omit<UpdateCommandInput, "TableName" | "Key">): Promise<boolean> {
    try {
      await table.send(new UpdateCommand({ TableName: tableName, Key: { customerId }, ...input }));
      return true;
    } catch (cause) {
      if (cause instanceof ConditionalCheckFailedException) return false;
      throw awsError(cause, `DynamoDB UpdateItem on ${tableName}`);
    }
  }

  return {
    ...createBehindIndex(tableName, { client, now }),

    take({ customerId, target, nextTryAt }, seconds) {
      return update(customerId, {
        UpdateExpression: "SET nextTryAt = :next, #mark.markedAt = :now",
        ConditionExpression: "behindKey = :key AND nextTryAt = :known",
        ExpressionAttributeNames: { "#mark": markName(target) },
        ExpressionAttributeValues: {
          ":key": behindKey(target, customerId),
          ":known": nextTryAt,
          ":now": new Date(now()).toISOString(),
          ":next": inSeconds(seconds),
        },
      });
    },

    async reached(customerId, target, version) {
      const { set, remove, values } = leaving(target, customerId, now());
      await update(customerId, {
        UpdateExpression: expression([...set, ...(target === "salesforce" ? ["writtenBack = :version"] : [])], remove),
        ConditionExpression: "behindKey = :key AND version = :version",
        ExpressionAttributeValues: { ...values, ":key": behindKey(target, customerId), ":version": version },
      });
    },

    async failed(customerId, target, { retryAfterSeconds, counts = false, isTry = true, ...error }) {
      const command = new GetCommand({ TableName: tableName, Key: { customerId }, ConsistentRead: true });
      const { Item } = await table.send(command).catch((cause) => {
        throw awsError(cause, `DynamoDB GetItem on ${tableName}`);
      });
      const key = behindKey(target, customerId);
      const known = markSchema.safeParse(Item?.[markName(target)]).data;
      if (!known || Item?.behindKey !== key) return undefined;
      const tries = known.tries + (isTry ? 1 : 0);
      const failing = counts ? { failingSince: failingSince(known, now()), failedAt: inSeconds(0) } : {};
      const mark = { ...known, ...failing, tries, error: { ...error, message: error.message.slice(0, MAX_MESSAGE) } };
      // Whoever noted a failure at the same moment said the same.
      await update(customerId, {
        UpdateExpression: "SET #mark = :mark, nextTryAt = :next",
        ConditionExpression: "behindKey = :key AND #mark.tries = :tries",
        ExpressionAttributeNames: { "#mark": markName(target) },
        ExpressionAttributeValues: {
          ":key": key,
          ":tries": known.tries,
          ":mark": mark,
          ":next": inSeconds(retryAfter(tries, retryAfterSeconds, random())),
        },
      });
      return mark;
    },

    async postpone(customerId, target, seconds) {
      await update(customerId, {
        UpdateExpression: "SET nextTryAt = :next",
        ConditionExpression: "behindKey = :key AND nextTryAt > :next",
        ExpressionAttributeValues: { ":key": behindKey(target, customerId), ":next": inSeconds(seconds) },
      });
    },

    async marked(customerIds, target) {
      const keys = [...new Set(customerIds)].map((customerId) => ({ customerId }));
      const items = await batchGet(table, tableName, keys);
      const isMarked = (item: Record<string, unknown>) => targetOf(item.behindKey as string | undefined) === target;
      return new Set(items.filter(isMarked).map(({ customerId }) => String(customerId)));
    },

    async giveUp(customerId, parked) {
      const { target, version } = parked;
      const { set, remove, values } = leaving(target, customerId, now());
      await update(customerId, {
        UpdateExpression: expression(["parked = :parked", ...set], remove),
        ConditionExpression: "behindKey = :key AND version = :version",
        ExpressionAttributeValues: {
          ...values,
          ":key": behindKey(target, customerId),
          ":version": version,
          ":parked": parked,
        },
      });
    },

    retryNow(customerId, target) {
      const isFirst = target === "billing";
      return update(customerId, {
        UpdateExpression: `SET ${markName(target)} = :mark, behindKey = :behindKey, nextTryAt = :nextTryAt REMOVE parked`,
        // Billing comes first; the account is told of it afterwards.
        ConditionExpression: `attribute_exists(customerId)${isFirst ? "" : " AND NOT begins_with(behindKey, :billing)"}`,
        ExpressionAttributeValues: {
          ...markValues(target, customerId, now(), undefined),
          ":nextTryAt": inSeconds(0),
          ...(isFirst ? {} : { ":billing": "billing#" }),
        },
      });
    },
  };

  function inSeconds(seconds: number): string {
    return new Date(now() + seconds * 1000).toISOString();
  }
}

const MAX_MESSAGE = 500;

/** How an update leaves a target behind it: the account is told next, and then nothing is behind any more. */
function leaving(target: Target, customerId: string, now: number) {
  return target === "salesforce"
    ? { set: [], remove: ["salesforceBehind", "behindKey", "nextTryAt"], values: {} }
    : {
        set: [assignMark("salesforce")],
        remove: ["billingBehind"],
        values: markValues("salesforce", customerId, now, undefined),
      };
}

function expression(set: readonly string[], remove: readonly string[]): string {
  return `${set.length > 0 ? `SET ${set.join(", ")} ` : ""}REMOVE ${remove.join(", ")}`;
}

function failingSince({ failingSince: since, failedAt = since }: Mark, now: number): string {
  const known = since && failedAt ? { since: Date.parse(since), at: Date.parse(failedAt) } : undefined;
  return new Date(failedAgain(known, now).since).toISOString();
}
