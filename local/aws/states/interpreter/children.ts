import type { StateGroup } from "../definition/types.ts";
import { Interruption } from "../errors.ts";
import type { Json, JsonObject } from "../json.ts";
import { type Frame, type Position, variablesOf } from "./frame.ts";
import { runStates } from "./run.ts";
import type { Visit } from "./visit.ts";

/** One branch or iteration to run. */
export interface Child {
  readonly group: StateGroup;
  readonly input: Json;
  readonly mapItem?: JsonObject;
}

/** What the owner writes into the history as its children come and go. */
export interface ChildEvents {
  started?(index: number, position: Position): void;
  succeeded?(index: number, position: Position): void;
  /** `eventId` is the event with which the first child failed. */
  failed?(index: number, eventId: number): void;
  aborted?(index: number, eventId: number): void;
}

/**
 * Runs branches or iterations side by side, at most `concurrency` at once, and gives their results in order.
 * The first that fails ends the others. Children that a snapshot holds are continued, finished ones kept.
 * @throws StateError of the first child that failed
 */
export async function runChildren(
  visit: Visit,
  children: readonly Child[],
  concurrency: number,
  events: ChildEvents = {},
): Promise<Json[]> {
  const { frame, position } = visit;
  position.children ??= [];
  const slots = position.children;
  const siblings = new AbortController();
  const signal = AbortSignal.any([frame.signal, siblings.signal]);
  const begunAfter = position.last;
  let lastEvent = begunAfter;
  let failure: { error: unknown; eventId: number } | undefined;
  let next = 0;

  const runOne = async (index: number, child: Child) => {
    const known = slots[index];
    if (known && "done" in known) return;
    const at = known ?? { state: child.group.StartAt, input: child.input, variables: {}, last: begunAfter };
    slots[index] = at;
    if (!known) events.started?.(index, at);
    try {
      const result = await runStates(childFrame(visit, child, at, signal));
      slots[index] = { done: result };
      events.succeeded?.(index, at);
      lastEvent = at.last;
    } catch (error) {
      if (error instanceof Interruption) {
        if (error.kind === "sibling-failed") events.aborted?.(index, error.eventId);
      } else if (!failure) {
        failure = { error, eventId: at.last };
        events.failed?.(index, at.last);
        siblings.abort(new Interruption("sibling-failed", undefined, at.last));
      }
    }
  };
  const worker = async () => {
    while (!signal.aborted) {
      const index = next++;
      const child = children[index];
      if (!child) return;
      await runOne(index, child);
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, children.length) }, worker));
  frame.signal.throwIfAborted();
  if (failure) {
    position.last = failure.eventId;
    throw failure.error;
  }
  position.last = lastEvent;
  return slots.map((slot) => (slot && "done" in slot ? slot.done : null));
}

function childFrame({ frame, span }: Visit, child: Child, position: Position, signal: AbortSignal): Frame {
  return {
    run: frame.run,
    group: child.group,
    position,
    outer: variablesOf(frame),
    signal,
    span,
    ...((child.mapItem ?? frame.mapItem) ? { mapItem: child.mapItem ?? (frame.mapItem as JsonObject) } : {}),
  };
}
