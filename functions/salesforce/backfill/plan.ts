import { MAX_READ } from "../client/records.ts";
import { MAX_PARENTS } from "../mapping/snapshots.ts";

/** What a backfill will take, before it is started. */
export interface BackfillPlan {
  readonly records: number;
  readonly salesforce: {
    /** API calls when every record differs from the store. */
    readonly apiCalls: number;
    /** Calls of the rolling day that are left, those kept for live changes included. */
    readonly callsLeft: number;
    readonly reserve: number;
  };
  /** US dollars at list prices when every record differs: the sync of each included, the targets' own bills not. */
  readonly usd: number;
  /** Customers that billing follows with in a second, about, when each is new there. */
  readonly billedPerSecond: number;
  /** Time until billing has followed, about, when every record needs a new customer there. */
  readonly billingMinutes: number;
}

/** What the bulk lane may do at once. */
export interface BulkLane {
  /** Requests a second that one endpoint of Stripe takes from the whole fleet. */
  readonly stripeRate: number;
  /** Runs of customer-sync side by side in each of the dispatchers. */
  readonly batchSize: number;
}

// List prices in US dollars, us-east-1, November 2026. https://aws.amazon.com/pricing
const PER_EVENT = 1 / 1e6;
const PER_QUEUE_REQUEST = 0.4 / 1e6;
const PER_WRITE = 0.625 / 1e6;
const PER_READ = 0.125 / 1e6;
const PER_EXPRESS_RUN = 1 / 1e6;
const PER_EXPRESS_GB_SECOND = 0.060012 / 3600;
const PER_LAMBDA_REQUEST = 0.2 / 1e6;
const PER_LAMBDA_GB_SECOND = 0.0000133334;
const PER_TRANSITION = 25 / 1e6;

// One record's way through the sync, as the benchmark measures it.
const PER_RECORD_USD =
  2 * PER_EVENT + // customer.changed, customer.synced
  6 * PER_QUEUE_REQUEST + // send, receive and delete on two queues
  10 * PER_WRITE + // store, billing link, write-back note, and the index of what is behind
  3 * PER_READ +
  PER_EXPRESS_RUN +
  (64 / 1024) * PER_EXPRESS_GB_SECOND +
  3 * PER_LAMBDA_REQUEST +
  0.5 * 0.5 * PER_LAMBDA_GB_SECOND; // half a second of a function with half a gigabyte

/** Transitions of one batch: its own run's start and end, the task, and its share of the page's loop. */
const TRANSITIONS_PER_BATCH = 4;
const RECORDS_PER_BULK_PAGE = 10_000;
const CALLS_TO_START_AND_FOLLOW = 5;
const RECORDS_PER_WRITE_BACK = 200;
/** `maximumConcurrency` of the dispatcher of the bulk lane. */
const DISPATCHERS = 2;
/** One run of customer-sync for a new customer: the benchmark measures 0.2 to 0.4. Once it goes on, its status knows better. */
const RUN_SECONDS = 0.3;
/** The bulk lane's part of the budget of an endpoint while live work waits. */
const BULK_SHARE = 0.5;
/** A new customer is created by one call and filled by one of another endpoint, which has a budget of its own. */
const CALLS_PER_ENDPOINT = 1;

/** Customers a second: what the budget lets through, or what the dispatchers bring, whichever is less. */
function billedPerSecond({ stripeRate, batchSize }: BulkLane): number {
  const allowed = (stripeRate * BULK_SHARE) / CALLS_PER_ENDPOINT;
  return Math.min(allowed, (DISPATCHERS * batchSize) / RUN_SECONDS);
}

/**
 * Counts and prices a backfill of `records` records.
 * @param usage API calls of the rolling day; `reserve` is the share kept for live changes, 0 to 1
 */
export function planBackfill(
  records: number,
  batchSize: number,
  usage: { readonly used: number; readonly max: number; readonly reserve: number },
  lane: BulkLane,
): BackfillPlan {
  const batches = Math.ceil(records / batchSize);
  const perBatch = Math.ceil(batchSize / MAX_READ) + Math.ceil(batchSize / MAX_PARENTS);
  const apiCalls =
    CALLS_TO_START_AND_FOLLOW +
    Math.ceil(records / RECORDS_PER_BULK_PAGE) +
    batches * perBatch +
    2 * Math.ceil(records / RECORDS_PER_WRITE_BACK);
  const perSecond = billedPerSecond(lane);
  const usd = records * PER_RECORD_USD + batches * TRANSITIONS_PER_BATCH * PER_TRANSITION;
  return {
    records,
    salesforce: {
      apiCalls,
      callsLeft: Math.max(0, usage.max - usage.used),
      reserve: Math.round(usage.max * usage.reserve),
    },
    usd: Math.ceil(usd * 100) / 100,
    billedPerSecond: perSecond,
    billingMinutes: Math.ceil(records / perSecond / 60),
  };
}
