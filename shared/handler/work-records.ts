import { MetricUnit } from "@aws-lambda-powertools/metrics";
import type { SQSRecord } from "aws-lambda";
import { describeError, FleetError } from "../errors.ts";
import type { Failing } from "../failing.ts";
import { logger, metrics } from "../observability.ts";
import { type BatchWork, type Failure, workBatch } from "./batch.ts";
import type { Decode } from "./delivery.ts";
import type { QueueControl } from "./queue-control.ts";
import { hide, settle } from "./settle.ts";
import { bySuspicion, groupSize, hiddenSeconds, isPoison, type Known, type Mark, NOTHING_KNOWN } from "./suspects.ts";
import { ageOf, failingAfter, LAST_AGE_SECONDS } from "./verdict.ts";

/** A consumer in one invocation. */
export interface Run<T> {
  readonly decode: Decode<T>;
  readonly work: BatchWork<T>;
  readonly queue: QueueControl;
  /** 0 to 1; once per invocation. */
  readonly random: number;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Until the function is stopped. */
  readonly remainingMs: () => number;
}

/** A message whose runs ended without an answer while those of other messages did not. */
class ConsumerCrashed extends FleetError {
  override readonly name = "ConsumerCrashed";
  override readonly retryable = false;
}

/** Queues that hide messages for longer are told to hand them out as soon as a run cannot last any longer. */
const LONG_VISIBILITY_SECONDS = 300;
/** A message alone in so long a run is marked at its first receipt: a third run would come too late. */
const LONG_RUN_SECONDS = 255;
/** Suspects that a run may still come to are hidden only so long: when an earlier one ends it, others go on with them. */
const HELD_SECONDS = 15;
/** Suspects begin no further group after this time: the rest comes back while it would work. */
const GROUPS_BEGIN_MS = 10_000;

/**
 * Works the messages of one invocation and answers with those that stay on the queue. A message is marked while it is
 * worked when it was handed out before. A mark found at a receipt tells that a run ended without an answer: its messages
 * are suspects, and are worked in ever smaller groups until those at fault are alone; everything else is handed out again
 * at once, and reaches another run.
 */
export async function workRecords<T>(records: readonly SQSRecord[], run: Run<T>): Promise<SQSRecord[]> {
  const before = records.filter((record) => receivesOf(record) > 1).map(({ messageId }) => messageId);
  const known = before.length > 0 ? await run.queue.attempts.look(before) : NOTHING_KNOWN;
  const suspects = records.flatMap((record) => {
    const mark = known.marks.get(record.messageId);
    return mark ? [{ record, mark }] : [];
  });
  if (suspects.length === 0) return workGroup(records, known, run);
  const others = records.filter(({ messageId }) => !known.marks.has(messageId));
  await hide(run.queue, others, 0);
  return [...others, ...(await workSuspects(suspects, known, run))];
}

interface Suspect {
  readonly record: SQSRecord;
  readonly mark: Mark;
}

async function workSuspects<T>(suspects: readonly Suspect[], known: Known, run: Run<T>): Promise<SQSRecord[]> {
  const [guilty = [], open = []] = partition(suspects, ({ record, mark }) => {
    return isPoison(record.messageId, mark, known) || ageOf(record, run.now()) >= LAST_AGE_SECONDS;
  });
  const again = await parkCrashed(guilty, run);
  const left = open.toSorted((a, b) => bySuspicion(a.mark, b.mark));
  const [first] = left;
  if (!first) return again;
  logger.warn("Runs ended without an answer; their messages are worked in small groups", { count: left.length });
  await hide(
    run.queue,
    left.map(({ record }) => record),
    HELD_SECONDS,
  );
  const { attempts } = run.queue;
  const begin = run.now();
  for (let next: Suspect | undefined = first; next && run.now() - begin <= GROUPS_BEGIN_MS; next = left[0]) {
    const group = left.splice(0, groupSize(next.mark, attempts.survived)).map(({ record }) => record);
    const stay = await workGroup(group, known, run);
    attempts.survive();
    again.push(...stay);
    if (left.length === 0) break;
    const done = group.filter((record) => !stay.includes(record));
    await run.queue
      .remove(done)
      .catch((error) => logger.warn("Done messages come again", { error: describeError(error) }));
  }
  return [...again, ...left.map(({ record }) => record)];
}

/** Works messages together. A crash in here leaves their marks, and shows them again as soon as no run can last. */
async function workGroup<T>(group: readonly SQSRecord[], known: Known, run: Run<T>): Promise<SQSRecord[]> {
  const { queue } = run;
  const isLongAlone = group.length === 1 && queue.runSeconds > LONG_RUN_SECONDS;
  const marked = group.filter((record) => receivesOf(record) > 1 || isLongAlone).map(({ messageId }) => messageId);
  if (marked.length > 0) {
    const marks = await queue.attempts.begin(marked, group.length, known);
    await hide(queue, group, Math.max(queue.runSeconds, ...marks.map((mark) => hiddenSeconds(mark, queue.runSeconds))));
  } else if (queue.visibilitySeconds > LONG_VISIBILITY_SECONDS) await hide(queue, group, queue.runSeconds);
  const failures = await workBatch(group, run.decode, run.work, run.remainingMs());
  const done = group.length - failures.length;
  metrics.addMetric("MessagesDone", MetricUnit.Count, done);
  const failing = failingOf(failures, known, run.now());
  const [stay] = await Promise.all([
    settle(failures, failing, queue, run.random, run.now()),
    queue.attempts.end(marked, failing),
    done > 0 ? queue.attempts.succeeded(known.marks.size > 0) : undefined,
  ]);
  return stay;
}

/** Since when the messages that failed do so. What is given up now is kept too: it may come again. */
function failingOf(failures: readonly Failure[], { failing }: Known, now: number): Map<string, Failing> {
  return new Map(
    failures.flatMap(({ record: { messageId }, error }) => {
      const since = failingAfter(error, failing.get(messageId), now);
      return since ? [[messageId, since]] : [];
    }),
  );
}

/** Parks messages that end every run; they keep their marks while they cannot be parked. */
async function parkCrashed<T>(guilty: readonly Suspect[], { queue, random, now }: Run<T>): Promise<SQSRecord[]> {
  const failures = guilty.map(({ record, mark }) => ({ record, error: crashed(mark) }));
  const stay = await settle(failures, new Map(), queue, random, now());
  const parked = guilty.filter(({ record }) => !stay.includes(record));
  await queue.attempts.end(parked.map(({ record }) => record.messageId));
  return stay;
}

function crashed({ runs, alone }: Mark): ConsumerCrashed {
  return new ConsumerCrashed(
    "NO_ANSWER",
    `The consumer ended ${runs} times without an answer (crash, time-out or too little memory) while it worked this message, ` +
      `${alone} times with nothing else to do; other messages went through. Its log says why.`,
  );
}

function receivesOf({ attributes }: SQSRecord): number {
  return Number(attributes.ApproximateReceiveCount);
}

function partition<T>(items: readonly T[], test: (item: T) => boolean): [T[], T[]] {
  return [items.filter(test), items.filter((item) => !test(item))];
}
