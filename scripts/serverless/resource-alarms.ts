import { type AlarmSpec, atLeastOne, FIVE_MINUTES, groups, MINUTE, namesOf, pascal, sumOf } from "./alarm-spec.ts";
import type { FunctionItem, Inventory, MachineItem, QueueItem } from "./inventory.ts";
import { type Measure, ofFleet, ofFunction, ofMachine, ofQueue } from "./measures.ts";

/** Share of its time-out that a run may take. */
const NEAR_TIME_OUT = 0.9;
// What is tried again shows only when it is: the alarm must not clear between two tries.
const STALE_MINUTES = 15;

/**
 * The alarms of functions, queues and state machines. Several resources share one alarm where the person's next step is
 * the same.
 * @param staleAfter seconds that a message may wait, by the logical id of its queue
 */
export function resourceAlarms(
  { functions, queues, machines }: Inventory,
  staleAfter: ReadonlyMap<string, number>,
): readonly AlarmSpec[] {
  const live = queues.filter(({ isDeadLetterQueue }) => !isDeadLetterQueue);
  const dead = queues.filter(({ isDeadLetterQueue }) => isDeadLetterQueue);
  return [
    ...functions.map(errors),
    ...groups(functions, 1).map(throttles),
    ...groups(functions, 1).map(durations),
    ...live.map((queue) => stale(queue, staleAfter.get(queue.id))),
    ...groups(dead, 2).map(deadLetters),
    ...machines.map(failed),
    ...groups(machines, 1).map(executionsThrottled),
  ];
}

function errors(one: FunctionItem): AlarmSpec {
  const thrown = ofFunction("Errors", one);
  return {
    id: `${pascal(one.name)}Errors`,
    name: `errors-${one.name}`,
    runbook: "function-errors",
    says: `Runs of ${one.name} end without an answer: a crash, a time-out, a failed start, or an error that nobody named.`,
    statistic: "Sum",
    ...(one.consumes ? crashed(thrown, one) : unnamed(thrown, one)),
  };
}

/** Twice, even when the queue lets as long as this pass between two tries. */
function crashed(thrown: Measure, { visibilitySeconds }: FunctionItem) {
  const periods = Math.max(3, Math.ceil(visibilitySeconds / FIVE_MINUTES) + 2);
  return { measures: [thrown], period: FIVE_MINUTES, periods, breaching: 2, threshold: 0 } as const;
}

/**
 * An error with a name of our own is an answer: it is the caller's, who tries again, marks as behind or parks. Lambda dates
 * an error at the start of its run, and we at its end: over several periods, runs across an edge would count in one and be
 * taken away in the next. One sliding window ends now, when both are told or neither.
 */
function unnamed(thrown: Measure, { service }: FunctionItem) {
  const measures = [thrown, ofFleet("RunsFailed", service)] as const;
  return {
    measures,
    expression: "m1-FILL(m2,0)",
    period: 3 * FIVE_MINUTES,
    periods: 1,
    breaching: 1,
    threshold: 1,
  } as const;
}

function throttles(some: readonly FunctionItem[], index: number): AlarmSpec {
  return {
    ...sumOf(some.map((one) => ofFunction("Throttles", one))),
    id: `FunctionThrottles${index + 1}`,
    name: `throttles-${index + 1}`,
    runbook: "function-throttles",
    says: `Lambda has refused to start functions for a quarter of an hour, among ${namesOf(some)}.`,
    period: FIVE_MINUTES,
    periods: 3,
    breaching: 3,
  };
}

function durations(some: readonly FunctionItem[], index: number): AlarmSpec {
  const shares = some.map(({ timeoutSeconds }, at) => `m${at + 1}/${timeoutSeconds * 1000}`);
  return {
    id: `FunctionDurations${index + 1}`,
    name: `durations-${index + 1}`,
    runbook: "function-durations",
    says: `Runs take more than ${NEAR_TIME_OUT * 100} % of their time-out, among ${namesOf(some)}.`,
    measures: atLeastOne(some.map((one) => ofFunction("Duration", one))),
    expression: `MAX([${shares.join(",")}])`,
    statistic: "Maximum",
    period: FIVE_MINUTES,
    periods: 3,
    breaching: 2,
    threshold: NEAR_TIME_OUT,
  };
}

/** @param staleAfter seconds; 300 for a queue that no consumer declares */
function stale(queue: QueueItem, staleAfter = 300): AlarmSpec {
  const age = ofQueue("ApproximateAgeOfOldestMessage", queue);
  return {
    id: queue.id.replace(/Queue$/, "Stale"),
    name: `stale-${queue.name}`,
    runbook: "queue-stale",
    says: `Messages wait longer than ${staleAfter} s on ${queue.name}.`,
    // SQS does not count a message that was received more than three times; the consumer itself does.
    ...(queue.consumer
      ? { measures: [age, ofFleet("OldestRetriedSeconds", queue.consumer.service)], expression: "MAX([m1,m2])" }
      : { measures: [age] }),
    statistic: "Maximum",
    period: MINUTE,
    periods: STALE_MINUTES,
    breaching: 1,
    threshold: staleAfter,
  };
}

function deadLetters(some: readonly QueueItem[], index: number): AlarmSpec {
  const both = ["ApproximateNumberOfMessagesVisible", "ApproximateNumberOfMessagesNotVisible"] as const;
  return {
    ...sumOf(some.flatMap((queue) => both.map((name) => ofQueue(name, queue)))),
    id: `DeadLetters${index + 1}`,
    name: `dead-letters-${index + 1}`,
    runbook: "dead-letters",
    says: `Messages lie on dead-letter queues and are not being parked, among ${namesOf(some)}.`,
    statistic: "Maximum",
    period: MINUTE,
    periods: 3,
    breaching: 3,
  };
}

function failed(machine: MachineItem): AlarmSpec {
  return {
    ...sumOf([ofMachine("ExecutionsFailed", machine), ofMachine("ExecutionsTimedOut", machine)]),
    id: `${machine.id}Failed`,
    name: `failed-${machine.name}`,
    runbook: "executions-failed",
    says: machine.isExpress
      ? `Runs of ${machine.name} keep failing: each has parked its work for a person, or left its message to be tried again.`
      : `A run of ${machine.name} failed or timed out, and goes on only when somebody resumes it.`,
    period: FIVE_MINUTES,
    ...(machine.isExpress ? { periods: 3, breaching: 2 } : { periods: 1, breaching: 1 }),
  };
}

function executionsThrottled(some: readonly MachineItem[], index: number): AlarmSpec {
  return {
    ...sumOf(some.map((machine) => ofMachine("ExecutionThrottled", machine))),
    id: `ExecutionsThrottled${index + 1}`,
    name: `executions-throttled-${index + 1}`,
    runbook: "executions-throttled",
    says: `Step Functions has slowed runs down for a quarter of an hour, among ${namesOf(some)}.`,
    period: FIVE_MINUTES,
    periods: 3,
    breaching: 3,
  };
}
