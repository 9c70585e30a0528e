import type { ParallelState } from "../definition/types.ts";
import { StateError } from "../errors.ts";
import type { Json } from "../json.ts";
import { runChildren } from "./children.ts";
import { checkSize, type Outcome } from "./frame.ts";
import type { Visit } from "./visit.ts";

/** One attempt of a Parallel. https://docs.aws.amazon.com/step-functions/latest/dg/state-parallel.html */
export async function runParallel(visit: Visit<ParallelState>): Promise<Outcome> {
  const { state, input, position } = visit;
  if (!position.children) visit.event("ParallelStateStarted");
  const args = state.Arguments === undefined ? input : await visit.evaluate(state.Arguments, "Arguments");
  const result = await runBranches(visit, args);
  visit.event("ParallelStateSucceeded");
  return visit.complete(result, { result });
}

async function runBranches(visit: Visit<ParallelState>, input: Json): Promise<Json> {
  const branches = visit.state.Branches.map((group) => ({ group, input }));
  try {
    return checkSize(await runChildren(visit, branches, branches.length), visit.name);
  } catch (cause) {
    if (cause instanceof StateError) visit.event("ParallelStateFailed");
    throw cause;
  }
}
