import type { ChoiceState, FailState, PassState, SucceedState, WaitState } from "../definition/types.ts";
import { StateError } from "../errors.ts";
import { expressionOf } from "../jsonata/evaluator.ts";
import { sleep } from "../timers.ts";
import type { Outcome } from "./frame.ts";
import type { Visit } from "./visit.ts";

/** https://docs.aws.amazon.com/step-functions/latest/dg/state-pass.html */
export function runPass(visit: Visit<PassState>): Promise<Outcome> {
  return visit.complete(visit.input);
}

/** https://docs.aws.amazon.com/step-functions/latest/dg/state-succeed.html */
export function runSucceed(visit: Visit<SucceedState>): Promise<Outcome> {
  return visit.complete(visit.input);
}

/** https://docs.aws.amazon.com/step-functions/latest/dg/state-fail.html */
export async function runFail(visit: Visit<FailState>): Promise<Outcome> {
  const { Error: error, Cause: cause } = visit.state;
  const name = error === undefined ? undefined : await visit.evaluateAs("string", error, "Error");
  const text = cause === undefined ? undefined : await visit.evaluateAs("string", cause, "Cause");
  throw new StateError(name as string | undefined, text as string | undefined);
}

/** https://docs.aws.amazon.com/step-functions/latest/dg/state-choice.html */
export async function runChoice(visit: Visit<ChoiceState>): Promise<Outcome> {
  for (const [index, rule] of visit.state.Choices.entries()) {
    const prefix = `Choices[${index}]/`;
    const chosen =
      typeof rule.Condition === "boolean"
        ? rule.Condition
        : await visit.evaluateAs("boolean", rule.Condition, `${prefix}Condition`);
    if (chosen) return visit.finish(rule, visit.input, rule.Next, {}, prefix);
  }
  const { Default } = visit.state;
  if (Default !== undefined) return visit.finish(visit.state, visit.input, Default, {});
  const entered = visit.position.entered?.eventId ?? 0;
  throw new StateError(
    "States.NoChoiceMatched",
    `An error occurred while executing the state '${visit.name}' (entered at the event id #${entered}). ` +
      "Failed to transition out of the state. The state does not point to a next state.",
  );
}

/** https://docs.aws.amazon.com/step-functions/latest/dg/state-wait.html */
export async function runWait(visit: Visit<WaitState>): Promise<Outcome> {
  const { clock } = visit.frame.run.kernel;
  const entered = visit.position.entered?.at ?? clock.now();
  const total = (await endOfWait(visit)) ?? 0;
  // After a restart only the rest is waited for.
  await sleep(clock, total - clock.elapsed(entered), visit.frame.signal);
  return visit.complete(visit.input);
}

const EXTENDED_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/;

/** Milliseconds to wait, counted from when the state was entered. */
async function endOfWait(visit: Visit<WaitState>): Promise<number | undefined> {
  const { Seconds, Timestamp } = visit.state;
  if (Seconds !== undefined) return (await visit.evaluateInteger(Seconds, "Seconds", 0)) * 1000;
  if (Timestamp === undefined) return undefined;
  const time = String(await visit.evaluateAs("string", Timestamp, "Timestamp"));
  const at = EXTENDED_TIME.test(time) ? Date.parse(time) : Number.NaN;
  if (!Number.isNaN(at)) return at - (visit.position.entered?.at ?? 0);
  const source = expressionOf(Timestamp) ?? Timestamp;
  throw visit.fieldFailed(
    "Timestamp",
    `The JSONata expression '${source}' specified for the field 'Timestamp' is not usable. The Timestamp field cannot ` +
      `be parsed as an ISO-8601 extended offset date-time format string: ${time}`,
  );
}
