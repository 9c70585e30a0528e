import { setImmediate } from "node:timers/promises";
import type { HistoryEventType } from "@aws-sdk/client-sfn";
import { isDistributed } from "../definition/distributed.ts";
import type { Catcher, Retrier, State } from "../definition/types.ts";
import { Interruption, StateError } from "../errors.ts";
import { jsonData } from "../history.ts";
import type { Json } from "../json.ts";
import { matches, RetryCounters } from "../retry.ts";
import { sleep } from "../timers.ts";
import { failureOf } from "../tracing.ts";
import { runDistributedMap } from "./distributed-map.ts";
import type { Frame, Outcome } from "./frame.ts";
import { runMap } from "./map.ts";
import { runParallel } from "./parallel.ts";
import { runChoice, runFail, runPass, runSucceed, runWait } from "./simple.ts";
import { runTask } from "./task.ts";
import { Visit } from "./visit.ts";

/** A level's states, one after the other, from where its position stands. @throws StateError, Interruption */
export async function runStates(frame: Frame): Promise<Json> {
  const { position, group, run } = frame;
  for (;;) {
    // A turn of the event loop for each state lets timers end even a machine that loops without waiting.
    await setImmediate();
    frame.signal.throwIfAborted();
    const state = group.States[position.state];
    if (!state) throw new StateError("States.Runtime", `The state '${position.state}' does not exist.`);
    const { output, assigned, next } = await visitState(frame, state);
    if (state.Type !== "Fail") {
      const variables = Object.entries(assigned).map(([name, value]) => [name, JSON.stringify(value)]);
      run.history.add(position, `${state.Type}StateExited` as HistoryEventType, {
        name: position.state,
        ...jsonData("output", output),
        ...(variables.length > 0
          ? { assignedVariables: Object.fromEntries(variables), assignedVariablesDetails: { truncated: false } }
          : {}),
      });
    }
    Object.assign(position.variables, assigned);
    if (next === undefined) return output;
    position.state = next;
    position.input = output;
    delete position.entered;
    forgetAttempt(frame);
  }
}

async function visitState(frame: Frame, state: State): Promise<Outcome> {
  const visit = new Visit(frame, state);
  try {
    if (!frame.position.entered) enter(visit);
    const outcome = await recover(visit);
    visit.span?.close();
    return outcome;
  } catch (cause) {
    const interruption = cause instanceof Interruption ? cause : undefined;
    const paused = interruption?.kind === "shutdown";
    visit.span?.close(paused ? {} : failureOf(cause instanceof StateError ? cause : interruption?.failure));
    if (interruption?.kind === "sibling-failed") recordAbort(visit, interruption);
    throw cause;
  }
}

function enter(visit: Visit): void {
  const at = visit.frame.run.kernel.clock.now();
  const type = `${visit.state.Type}StateEntered` as HistoryEventType;
  const eventId = visit.event(type, { name: visit.name, ...jsonData("input", visit.input) });
  visit.position.entered = { at, eventId };
}

/** Only states that take time have an event for their abortion. */
function recordAbort(visit: Visit, { eventId }: Interruption): void {
  if (["Task", "Wait", "Parallel", "Map"].includes(visit.state.Type))
    visit.frame.run.history.addAfter(eventId, `${visit.state.Type}StateAborted` as HistoryEventType);
}

/** Tries a state until it succeeds, its retriers are used up, or a catcher takes the error. */
async function recover(visit: Visit): Promise<Outcome> {
  const { Retry = [], Catch = [] } = visit.state as { Retry?: readonly Retrier[]; Catch?: readonly Catcher[] };
  const counters = new RetryCounters(Retry);
  for (;;) {
    try {
      return await attempt(visit);
    } catch (cause) {
      if (cause instanceof Interruption) throw cause;
      const error = asStateError(cause);
      const delay = counters.next(error, Math.random);
      if (delay === undefined) return await caught(visit, error, Catch);
      forgetAttempt(visit.frame);
      await sleep(visit.frame.run.kernel.clock, delay, visit.frame.signal);
      visit.retryCount += 1;
    }
  }
}

function attempt(visit: Visit): Promise<Outcome> {
  // biome-ignore lint/suspicious/noExplicitAny: the type of the visit follows from the type of its state
  const typed = visit as Visit<any>;
  switch (visit.state.Type) {
    case "Pass":
      return runPass(typed);
    case "Task":
      return runTask(typed);
    case "Choice":
      return runChoice(typed);
    case "Wait":
      return runWait(typed);
    case "Succeed":
      return runSucceed(typed);
    case "Fail":
      return runFail(typed);
    case "Parallel":
      return runParallel(typed);
    case "Map":
      return isDistributed(typed.state.ItemProcessor) ? runDistributedMap(typed) : runMap(typed);
  }
}

async function caught(visit: Visit, error: StateError, catchers: readonly Catcher[]): Promise<Outcome> {
  const index = catchers.findIndex(({ ErrorEquals }) => matches(ErrorEquals, error));
  const catcher = catchers[index];
  if (!catcher) throw error;
  const errorOutput = error.output();
  return visit.finish(catcher, errorOutput, catcher.Next, { errorOutput }, `Catch[${index}]/`);
}

function forgetAttempt({ position }: Frame): void {
  delete position.submitted;
  delete position.children;
  delete position.mapRun;
}

/** A fault in the twin itself ends the execution as States.Runtime, which nothing catches. */
function asStateError(cause: unknown): StateError {
  if (cause instanceof StateError) return cause;
  return new StateError("States.Runtime", cause instanceof Error ? cause.message : String(cause));
}
