import type { SQSRecord } from "aws-lambda";
import { TransientError } from "../errors.ts";
import { type Decode, type Delivery, toDelivery } from "./delivery.ts";

/** Left for postponing, parking and answering. */
const MARGIN_MS = 3_000;
const MARGIN_SHARE = 0.2;

/** A delivery that could not be worked, and why. */
export interface Failure {
  readonly record: SQSRecord;
  readonly error: unknown;
}

/** Says that one delivery of a batch has ended, and how, before the others have. */
export type Ended = (record: SQSRecord, failure?: Failure) => void;

/**
 * Works a whole batch; answers with what failed. A throw fails every delivery of the batch. When the time is up, what was
 * not reported to `ended` is worked again: work whose repetition somebody would notice reports each delivery at once, other
 * work need not.
 */
export type BatchWork<T> = (deliveries: readonly Delivery<T>[], ended: Ended) => Promise<readonly Failure[]>;

/** Adapts a function of one delivery: all of a batch run side by side, each failing alone. */
export function eachDelivery<T>(work: (delivery: Delivery<T>) => Promise<unknown>): BatchWork<T> {
  return async (deliveries, ended) => {
    const results = deliveries.map(async (delivery): Promise<Failure[]> => {
      const { record } = delivery;
      try {
        await work(delivery);
        ended(record);
        return [];
      } catch (error) {
        ended(record, { record, error });
        return [{ record, error }];
      }
    });
    return (await Promise.all(results)).flat();
  };
}

/** Decodes and works records together, for at most `remainingMs`; answers with what failed, the unreadable included. */
export async function workBatch<T>(
  records: readonly SQSRecord[],
  decode: Decode<T>,
  work: BatchWork<T>,
  remainingMs: number,
): Promise<readonly Failure[]> {
  const failures: Failure[] = [];
  const deliveries: Delivery<T>[] = [];
  for (const record of records) {
    try {
      deliveries.push(toDelivery(record, decode(record.body)));
    } catch (error) {
      failures.push({ record, error });
    }
  }
  if (deliveries.length === 0) return failures;
  try {
    return [...failures, ...(await workInTime(work, deliveries, remainingMs))];
  } catch (error) {
    return [...failures, ...deliveries.map(({ record }) => ({ record, error }))];
  }
}

/**
 * Works a batch until shortly before the function's time is up. What has not ended by then failed with TransientError
 * `TIMED_OUT`, and what has ended keeps its result, so that a hang is an answer and no crash. The work itself cannot be
 * stopped and may still finish; nobody listens to it any more.
 * @param remainingMs until the function is stopped
 */
async function workInTime<T>(
  work: BatchWork<T>,
  deliveries: readonly Delivery<T>[],
  remainingMs: number,
): Promise<readonly Failure[]> {
  const ended = new Map<SQSRecord, Failure | undefined>();
  const ms = remainingMs - Math.min(MARGIN_MS, remainingMs * MARGIN_SHARE);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    if (Number.isFinite(ms)) timer = setTimeout(resolve, ms, undefined);
  });
  try {
    const failures = await Promise.race([work(deliveries, (record, failure) => ended.set(record, failure)), late]);
    if (failures) return failures;
  } finally {
    clearTimeout(timer);
  }
  return deliveries.flatMap(({ record }) => {
    if (ended.has(record)) return ended.get(record) ?? [];
    const message = `The work did not end within the ${Math.round(remainingMs / 1000)} s of its function.`;
    return [{ record, error: new TransientError("TIMED_OUT", message) }];
  });
}
