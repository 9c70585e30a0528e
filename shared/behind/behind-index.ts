import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient, QueryCommand, type QueryCommandInput } from "@aws-sdk/lib-dynamodb";
import { z } from "zod";
import { awsClient } from "../aws.ts";
import { awsError } from "../aws-errors.ts";
import { INDEX, keysOf, type Mark, markName, markSchema, SHARDS, type Target } from "./marks.ts";

/** A customer of which a target is behind. */
export interface BehindCustomer {
  readonly customerId: string;
  readonly orgId: string;
  readonly target: Target;
  readonly version: string;
  /** ISO 8601 in UTC. */
  readonly nextTryAt: string;
  readonly mark: Mark;
}

export interface DueOptions {
  readonly limit: number;
  /** Takes also what is not due yet but was marked before this moment, such as the end of an outage; ISO 8601. */
  readonly markedBefore?: string | undefined;
  /** Passes by whom it is false for, such as customers of an organisation that cannot be reached. */
  readonly wants?: ((customer: BehindCustomer) => boolean) | undefined;
  /** At most so many of one organisation. */
  readonly mostPerOrg?: number | undefined;
  /** Shards to look at, by default all of the target. */
  readonly keys?: readonly string[] | undefined;
}

/** Who is behind a target, at one look. */
export interface Survey {
  /** All of them, counted up to the limit that was asked for. */
  readonly count: number;
  /** The first page of each shard, which holds those that are due first. */
  readonly first: readonly BehindCustomer[];
  /** Shards with somebody in them. */
  readonly keys: readonly string[];
}

/** Who is behind: the sparse index of the customers table. Every method throws the fleet's errors for what DynamoDB answers. */
export interface BehindIndex {
  /** Customers to be tried now, those that wait longest first; no more is read than is needed to tell. */
  due(target: Target, options: DueOptions): Promise<BehindCustomer[]>;
  /** Who is behind: one query for each shard that is read to its end by it, which an empty one is. */
  survey(target: Target, most?: number): Promise<Survey>;
  /** How many are behind, by their organisation. */
  countByOrg(target: Target): Promise<Map<string, number>>;
  /** One page of a shard, in the order of the next try. */
  list(key: string, after?: object): Promise<{ customers: BehindCustomer[]; next: object | undefined }>;
}

const PAGE = 1_000;
/** Chance gives no key just its share; with so much more one page of each mostly does. */
const SPARE = 1.25;
const SPARE_ITEMS = 10;
/**
 * So many of a key are passed by to find those behind them that waited for the end of an outage. What was taken up since
 * is in front of them, and is less; whoever is not found has a next try of his own.
 */
const MOST_AHEAD = 4_000;

const itemSchema = z.looseObject({
  customerId: z.string(),
  orgId: z.string(),
  version: z.string(),
  nextTryAt: z.string(),
  billingBehind: markSchema.optional(),
  salesforceBehind: markSchema.optional(),
});

/** What is read of an item: nothing of its content. */
const ABOUT = { ProjectionExpression: Object.keys(itemSchema.shape).join(", ") };

/** @param now epoch milliseconds */
export function createBehindIndex(
  tableName: string,
  { client = awsClient(new DynamoDBClient({})), now = Date.now } = {},
): BehindIndex {
  const table = DynamoDBDocumentClient.from(client, { marshallOptions: { removeUndefinedValues: true } });

  async function query(input: Omit<QueryCommandInput, "TableName" | "IndexName">) {
    const command = new QueryCommand({ TableName: tableName, IndexName: INDEX, ...input });
    return table.send(command).catch((cause) => {
      throw awsError(cause, `DynamoDB Query on ${tableName}`);
    });
  }

  /** A shard, page by page, as far as somebody asks for it. */
  async function* pagesOf(
    key: string,
    input: Pick<QueryCommandInput, "Select" | "ProjectionExpression">,
    after?: Record<string, unknown>,
  ) {
    const shard = { KeyConditionExpression: "behindKey = :key", ExpressionAttributeValues: { ":key": key } };
    let ExclusiveStartKey = after;
    do {
      const page = await query({ ...input, ...shard, ExclusiveStartKey });
      yield page;
      ExclusiveStartKey = page.LastEvaluatedKey;
    } while (ExclusiveStartKey);
  }

  async function listPage(key: string, after?: object) {
    const page = await query({
      ...ABOUT,
      KeyConditionExpression: "behindKey = :key",
      ExpressionAttributeValues: { ":key": key },
      Limit: PAGE,
      ExclusiveStartKey: after as Record<string, unknown> | undefined,
    });
    return { customers: (page.Items ?? []).flatMap((item) => toCustomer(key, item)), next: page.LastEvaluatedKey };
  }

  /** The customers of a shard to be tried now, in the order of their next try, read as far as somebody asks for them. */
  async function* walkDue(
    key: string,
    { limit, markedBefore }: DueOptions,
    wants: (customer: BehindCustomer) => boolean,
  ): AsyncGenerator<BehindCustomer, undefined> {
    const moment = new Date(now()).toISOString();
    let size = Math.min(PAGE, Math.ceil((limit / SHARDS) * SPARE) + SPARE_ITEMS);
    let ahead = 0;
    let ExclusiveStartKey: Record<string, unknown> | undefined;
    do {
      const page = await query({
        ...ABOUT,
        KeyConditionExpression: markedBefore ? "behindKey = :key" : "behindKey = :key AND nextTryAt <= :now",
        ExpressionAttributeValues: { ":key": key, ...(markedBefore ? {} : { ":now": moment }) },
        Limit: size,
        ExclusiveStartKey,
      });
      for (const customer of (page.Items ?? []).flatMap((item) => toCustomer(key, item))) {
        const isDue = customer.nextTryAt <= moment;
        const isOpen = isDue || (markedBefore !== undefined && customer.mark.markedAt < markedBefore);
        if (isOpen && wants(customer)) yield customer;
        else if (!isDue) ahead += 1;
      }
      ExclusiveStartKey = page.LastEvaluatedKey;
      size = Math.min(PAGE, size * 2);
    } while (ExclusiveStartKey && ahead < MOST_AHEAD);
    return undefined;
  }

  return {
    async due(target, options) {
      const { wants = () => true, mostPerOrg = Number.POSITIVE_INFINITY } = options;
      const perOrg = new Map<string, number>();
      const isFull = (orgId: string) => (perOrg.get(orgId) ?? 0) >= mostPerOrg;
      const isWanted = (customer: BehindCustomer) => !isFull(customer.orgId) && wants(customer);
      const walks = (options.keys ?? keysOf(target)).map((key) => walkDue(key, options, isWanted));
      const heads = await Promise.all(walks.map((walk) => walk.next()));
      const found: BehindCustomer[] = [];
      while (found.length < options.limit) {
        const first = indexOfFirst(heads.map(({ value }) => value));
        const [head, walk] = [heads[first]?.value, walks[first]];
        if (!head || !walk) break;
        if (!isFull(head.orgId)) {
          found.push(head);
          perOrg.set(head.orgId, (perOrg.get(head.orgId) ?? 0) + 1);
        }
        heads[first] = await walk.next();
      }
      return found;
    },

    async survey(target, most = Number.POSITIVE_INFINITY) {
      let count = 0;
      const looks = keysOf(target).map(async (key) => {
        const { customers, next } = await listPage(key);
        count += customers.length;
        if (!next || count >= most) return { key, customers };
        for await (const { Count = 0 } of pagesOf(key, { Select: "COUNT" }, next)) {
          count += Count;
          if (count >= most) break;
        }
        return { key, customers };
      });
      const shards = await Promise.all(looks);
      const first = shards.flatMap(({ customers }) => customers);
      const keys = shards.filter(({ customers }) => customers.length > 0).map(({ key }) => key);
      return { count, first, keys };
    },

    async countByOrg(target) {
      const counts = new Map<string, number>();
      const walks = keysOf(target).map(async (key) => {
        for await (const { Items = [] } of pagesOf(key, { ProjectionExpression: "orgId" }))
          for (const { orgId } of Items) counts.set(orgId, (counts.get(orgId) ?? 0) + 1);
      });
      await Promise.all(walks);
      return counts;
    },

    list: listPage,
  };
}

/**
 * Whether a customer waits, at the moment `now` (epoch milliseconds): everybody is marked for a moment while the first run
 * is on its way.
 */
export function isWaiting({ mark, nextTryAt }: BehindCustomer, now: number): boolean {
  return mark.error !== undefined || mark.markedAt > mark.since || Date.parse(nextTryAt) < now;
}

/** Index of the customer whose next try comes first; -1 when there is none. */
function indexOfFirst(customers: readonly (BehindCustomer | undefined)[]): number {
  return customers.reduce((first, customer, index) => {
    const other = customers[first];
    return customer && (!other || customer.nextTryAt < other.nextTryAt) ? index : first;
  }, -1);
}

/** None for an item without a mark: it is in nobody's way. */
function toCustomer(key: string, item: Record<string, unknown>): BehindCustomer[] {
  const { data } = itemSchema.safeParse(item);
  const target = key.startsWith("billing#") ? "billing" : "salesforce";
  const mark = data?.[markName(target)];
  if (!data || !mark) return [];
  const { customerId, orgId, version, nextTryAt } = data;
  return [{ customerId, orgId, target, version, nextTryAt, mark }];
}
