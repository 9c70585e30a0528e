import { isObject } from "../json.ts";
import { below, type Place, refuse } from "./report.ts";
import { validateState } from "./states.ts";

const MAX_NAME = 80;

/** Judges a level of states (the machine, a branch, an item processor): names, states and the transitions between them. */
export function validateGroup(group: unknown, place: Place): void {
  if (!isObject(group)) {
    refuse(place, "Expected value of type Object");
    return;
  }
  const missing = ["States", "StartAt"].filter((name) => group[name] === undefined);
  if (missing.length > 0) {
    refuse(place, `These fields are required: [${missing.join(", ")}]`);
    return;
  }
  for (const name of Object.keys(group))
    if (!["States", "StartAt", "Comment"].includes(name))
      refuse(below(place, name), `Field '${name}' is not supported`);
  const { States: states, StartAt: start } = group;
  if (!isObject(states) || Object.keys(states).length === 0) {
    refuse(below(place, "States"), "Expected an object with at least one state");
    return;
  }
  const at = {
    ...below(place, "States"),
    levelVariables: new Set([...place.outerVariables, ...assignedNames(states)]),
  };
  for (const [name, state] of Object.entries(states)) {
    checkName(name, below(at, name));
    validateState(state, below(at, name));
  }
  checkTransitions(states, start, place);
}

function checkName(name: string, place: Place): void {
  if (name.length === 0 || name.length > MAX_NAME)
    refuse(place, `A state name has 1 to ${MAX_NAME} characters`, "INVALID_STATE_NAME");
  if (place.stateNames.has(name)) refuse(place, `Duplicate State name: ${name}`, "DUPLICATE_STATE_NAME");
  place.stateNames.add(name);
}

function checkTransitions(states: Record<string, unknown>, start: unknown, place: Place): void {
  if (typeof start !== "string" || !Object.hasOwn(states, start)) {
    refuse(below(place, "StartAt"), `Missing 'StartAt' target: ${start}`, "MISSING_TRANSITION_TARGET");
    return;
  }
  for (const [name, state] of Object.entries(states))
    for (const { field, target } of targets(state))
      if (typeof target === "string" && !Object.hasOwn(states, target))
        refuse(
          below(place, `States/${name}/${field}`),
          `Missing 'Next' target: ${target}`,
          "MISSING_TRANSITION_TARGET",
        );
  const reached = reachable(states, start);
  for (const name of Object.keys(states))
    if (!reached.has(name))
      refuse(below(place, `States/${name}`), `State "${name}" is not reachable.`, "MISSING_TRANSITION_TARGET");
  const ends = Object.values(states).some(
    (state) => isObject(state) && (state.End === true || state.Type === "Succeed" || state.Type === "Fail"),
  );
  if (!ends) refuse(place, "No state ends the workflow: set End, or add a Succeed or Fail state", "MISSING_END_STATE");
}

function reachable(states: Record<string, unknown>, start: string): Set<string> {
  const reached = new Set<string>();
  const open = [start];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (reached.has(name)) continue;
    reached.add(name);
    for (const { target } of targets(states[name])) if (typeof target === "string") open.push(target);
  }
  return reached;
}

/** Every transition that leaves a state, with the field that names it. */
function targets(state: unknown): { field: string; target: unknown }[] {
  if (!isObject(state)) return [];
  const found: { field: string; target: unknown }[] = [];
  if (state.Next !== undefined) found.push({ field: "Next", target: state.Next });
  if (state.Default !== undefined) found.push({ field: "Default", target: state.Default });
  for (const list of ["Choices", "Catch"] as const) {
    const entries = state[list];
    if (!Array.isArray(entries)) continue;
    for (const [index, entry] of entries.entries())
      if (isObject(entry) && entry.Next !== undefined)
        found.push({ field: `${list}[${index}]/Next`, target: entry.Next });
  }
  return found;
}

function assignedNames(states: Record<string, unknown>): string[] {
  return Object.values(states).flatMap((state) => {
    if (!isObject(state)) return [];
    const lists = [state.Choices, state.Catch].filter(Array.isArray).flat();
    return [state, ...lists].flatMap((holder) =>
      isObject(holder) && isObject(holder.Assign) ? Object.keys(holder.Assign) : [],
    );
  });
}
