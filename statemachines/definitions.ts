import { expect } from "@jest/globals";
import * as errors from "#shared/errors.ts";

/** The parts of a state that the tests of definitions look at. */
export interface State {
  readonly Type: string;
  readonly Resource?: string;
  readonly TimeoutSeconds?: number;
  readonly Retry?: readonly Retrier[];
  readonly Catch?: readonly { readonly ErrorEquals: readonly string[]; readonly Next: string }[];
  readonly ItemProcessor?: { readonly States: Readonly<Record<string, State>> };
}

interface Retrier {
  readonly ErrorEquals: readonly string[];
  readonly IntervalSeconds?: number;
  readonly MaxAttempts?: number;
  readonly MaxDelaySeconds?: number;
  readonly JitterStrategy?: string;
  readonly BackoffRate?: number;
}

/** The four errors of the Lambda service. https://docs.aws.amazon.com/step-functions/latest/dg/sfn-best-practices.html#bp-lambda-serviceexception */
const LAMBDA_SERVICE = [
  "Lambda.ServiceException",
  "Lambda.AWSLambdaException",
  "Lambda.SdkClientException",
  "Lambda.TooManyRequestsException",
];

/** One error of each of the fleet's classes. */
export const fleetErrors = Object.values(errors)
  .filter((value) => typeof value === "function" && value.prototype instanceof errors.FleetError)
  .map((value) => new (value as new (code: string, message: string) => errors.FleetError)("CODE", "message"));

/** Every task by name, those inside maps too. */
export function tasksOf(states: Readonly<Record<string, State>>): [string, State][] {
  return Object.entries(states).flatMap(([name, state]): [string, State][] => [
    ...(state.Type === "Task" ? [[name, state] as [string, State]] : []),
    ...(state.ItemProcessor ? tasksOf(state.ItemProcessor.States) : []),
  ]);
}

/** Those tasks that call a connector. */
export function invocationsOf(tasks: readonly [string, State][]): [string, State][] {
  return tasks.filter(([, state]) => state.Resource?.endsWith("lambda:invoke"));
}

/** Seconds that a retrier waits at most, all its tries together; full jitter halves them on average. */
export function waitsOf(retrier: Retrier | undefined): number {
  const { IntervalSeconds = 1, BackoffRate = 2, MaxAttempts = 3, MaxDelaySeconds = 0 } = retrier ?? {};
  const tries = Array.from({ length: MaxAttempts }, (_, n) => n);
  return tries.reduce((sum, n) => sum + Math.min(MaxDelaySeconds, IntervalSeconds * BackoffRate ** n), 0);
}

/** Asserts a time-out, and retries with back-off and jitter. */
export function expectPatience(state: State): void {
  expect(state.TimeoutSeconds).toBeGreaterThan(0);
  expect(state.Retry?.length).toBeGreaterThan(0);
  for (const retrier of state.Retry ?? [])
    expect(retrier).toMatchObject({ BackoffRate: 2, JitterStrategy: "FULL", MaxDelaySeconds: expect.any(Number) });
}

/**
 * Asserts that the errors of the Lambda service are retried within the run, and of the fleet's own exactly these.
 * @param names those that are over in seconds; a run that nobody takes up later retries all retryable ones
 */
export function expectFleetRetries(
  state: State,
  names: readonly string[] = fleetErrors.filter(({ retryable }) => retryable).map(({ name }) => name),
): void {
  const trying = state.Retry?.filter(({ MaxAttempts }) => MaxAttempts !== 0) ?? [];
  const retried = trying.flatMap((retrier) => retrier.ErrorEquals);
  expect(retried).toEqual(expect.arrayContaining(LAMBDA_SERVICE));
  expect(retried.some((name) => ["States.Timeout", "States.ALL"].includes(name))).toBe(true);
  for (const { name } of fleetErrors) expect([name, retried.includes(name)]).toEqual([name, names.includes(name)]);
}
