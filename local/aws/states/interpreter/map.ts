import type { MapState } from "../definition/types.ts";
import { StateError } from "../errors.ts";
import { isObject, type Json, type JsonObject, jsonType } from "../json.ts";
import { expressionOf, wrongType } from "../jsonata/evaluator.ts";
import { type Child, type ChildEvents, runChildren } from "./children.ts";
import { checkSize, type Outcome } from "./frame.ts";
import type { Visit } from "./visit.ts";

/** Iterations that an inline Map runs at once, at most. */
const INLINE_CONCURRENCY = 40;

/** One item of a Map. */
export interface Item {
  readonly value: Json;
  /** `Map.Item` of the context object. */
  readonly context: JsonObject;
}

/** One attempt of an inline Map. https://docs.aws.amazon.com/step-functions/latest/dg/state-map-inline.html */
export async function runMap(visit: Visit<MapState>): Promise<Outcome> {
  const { state, position } = visit;
  const items = await itemsOf(visit);
  const limit =
    state.MaxConcurrency === undefined ? 0 : await visit.evaluateInteger(state.MaxConcurrency, "MaxConcurrency", 0);
  if (!position.children) visit.event("MapStateStarted", { length: items.length });
  const result = await runIterations(
    visit,
    items,
    limit === 0 ? INLINE_CONCURRENCY : Math.min(limit, INLINE_CONCURRENCY),
  );
  visit.event("MapStateSucceeded");
  return visit.complete(result, { result });
}

async function runIterations(visit: Visit<MapState>, items: readonly Item[], concurrency: number): Promise<Json> {
  try {
    const children: Child[] = [];
    for (const item of items) children.push(await iteration(visit, item));
    return checkSize(await runChildren(visit, children, concurrency, iterationEvents(visit)), visit.name);
  } catch (cause) {
    if (cause instanceof StateError) visit.event("MapStateFailed");
    throw cause;
  }
}

async function iteration(visit: Visit<MapState>, { value, context }: Item): Promise<Child> {
  const { ItemProcessor: group, ItemSelector: selector } = visit.state;
  const input = selector === undefined ? value : await visit.evaluate(selector, "ItemSelector", {}, context);
  return { group, input, mapItem: context };
}

/** The items that `Items` or the state's input gives. @throws StateError */
export async function itemsOf(visit: Visit<MapState>): Promise<Item[]> {
  const { Items } = visit.state;
  const items = Items === undefined ? visit.input : await visit.evaluate(Items, "Items");
  if (Array.isArray(items))
    return items.map((value, Index) => ({ value, context: { Index, Value: value, Source: "STATE_DATA" } }));
  if (isObject(items) && Items !== undefined)
    return Object.entries(items).map(([Key, Value], Index) => ({
      value: { Key, Value },
      context: { Index, Key, Value, Source: "STATE_DATA" },
    }));
  const source = expressionOf(Items);
  if (source !== undefined) throw visit.evaluationFailed(wrongType(source, "Items", "array", items));
  throw visit.fieldFailed(
    "Items",
    `Map state input must be an array but was: ${jsonType(items) === "string" ? items : JSON.stringify(items)}`,
  );
}

function iterationEvents(visit: Visit<MapState>): ChildEvents {
  const { history } = visit.frame.run;
  const details = (index: number) => ({ name: visit.name, index });
  return {
    started: (index, position) => history.add(position, "MapIterationStarted", details(index)),
    succeeded: (index, position) => history.add(position, "MapIterationSucceeded", details(index)),
    failed: (index, eventId) => history.addAfter(eventId, "MapIterationFailed", details(index)),
    aborted: (index, eventId) => history.addAfter(eventId, "MapIterationAborted", details(index)),
  };
}
