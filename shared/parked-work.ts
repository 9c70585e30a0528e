import { gzipSync } from "node:zlib";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient, PutCommand } from "@aws-sdk/lib-dynamodb";
import { awsClient } from "./aws.ts";
import { countParked } from "./parked-metric.ts";

/** A piece of work that could not be done, kept whole until somebody redrives it. */
export interface ParkedWork {
  readonly parkedId: string;
  /** What was parked: a queue message, a run of the sync, or the comparison of records with Salesforce. */
  readonly kind: "message" | "customer-sync" | "comparison";
  /** Where it stopped: a queue, a state as `customer-sync/UpsertBilling`, or a feed as `salesforce/sweep`. */
  readonly hop: string;
  /** The whole input, as text. */
  readonly input: string;
  readonly errorName: string;
  readonly errorMessage: string;
  readonly correlationId: string;
  readonly customerId: string;
  readonly traceHeader: string;
  readonly tries: number;
  /** ISO 8601 in UTC. */
  readonly parkedAt: string;
}

/** Keeps a piece of parked work; keeping the same one twice is the same as once. */
export type Park = (work: ParkedWork) => Promise<void>;

// An item holds at most 400 KB, names included.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html
const MAX_INPUT_BYTES = 350_000;

/**
 * The table of parked work. An input that does not fit into one item is compressed, and split over further items with
 * `part` 1, 2, … when even that is too large. Part 0 is written last, so that what is listed is complete. Whoever parks, it
 * is counted as `WorkParked`.
 */
export function createParkedTable(tableName: string, client = awsClient(new DynamoDBClient({}))): Park {
  const table = DynamoDBDocumentClient.from(client);
  const put = (item: Record<string, unknown>) => table.send(new PutCommand({ TableName: tableName, Item: item }));
  return async ({ input, ...work }) => {
    const [first, ...rest] = pack(input);
    for (const [index, inputGzip] of rest.entries()) await put({ parkedId: work.parkedId, part: index + 1, inputGzip });
    await put({ ...work, part: 0, parts: rest.length + 1, status: "parked", ...first });
    countParked();
  };
}

type Packed = [{ input: string } | { inputGzip: Uint8Array }, ...Uint8Array[]];

function pack(input: string): Packed {
  if (Buffer.byteLength(input) <= MAX_INPUT_BYTES) return [{ input }];
  const bytes = gzipSync(input);
  const chunk = (at: number) => bytes.subarray(at, at + MAX_INPUT_BYTES);
  const rest: Uint8Array[] = [];
  for (let at = MAX_INPUT_BYTES; at < bytes.length; at += MAX_INPUT_BYTES) rest.push(chunk(at));
  return [{ inputGzip: chunk(0) }, ...rest];
}
