import type { Kernel } from "../../kernel/kernel.ts";
import type { Principal } from "../../kernel/service.ts";
import type { StateGroup } from "../definition/types.ts";
import type { MapRuns } from "../distributed/map-runs.ts";
import { dataLimitExceeded } from "../errors.ts";
import type { ChildExecutions } from "../executions.ts";
import type { Chain, History } from "../history.ts";
import type { Resolver } from "../integrations/types.ts";
import { type Json, type JsonObject, jsonBytes, MAX_DATA_BYTES } from "../json.ts";
import type { Machine } from "../machines.ts";
import type { TaskTokens } from "../tokens.ts";
import type { Span } from "../tracing.ts";

/**
 * Where a line of states stands: plain JSON, so that a snapshot of it can be resumed. It is changed in place while
 * the states run. `last` is the line of history events.
 */
export interface Position extends Chain {
  state: string;
  input: Json;
  /** Variables of this level; those of outer levels are in their positions. */
  variables: Record<string, Json>;
  /** Set once the state was entered. `at` is in epoch milliseconds. */
  entered?: { at: number; eventId: number };
  /** What a `.sync` or callback task handed over: it is waited for again after a restart, not started again. */
  submitted?: { token?: string; output: Json };
  /** Branches or iterations: their result, or where they stand; a hole is one that has not begun. */
  children?: (Position | { done: Json } | null)[];
  /** ARN of the Map Run of a distributed Map. */
  mapRun?: string;
}

/** What all levels of one execution share. */
export interface Run {
  readonly kernel: Kernel;
  readonly history: History;
  readonly tokens: TaskTokens;
  readonly resolve: Resolver;
  /** `Execution` and `StateMachine` of the context object. */
  readonly context: JsonObject;
  readonly executionArn: string;
  readonly machineArn: string;
  /** The session of the machine's role. @throws StateError when the role cannot be assumed */
  principal(): Principal;
  readonly mapRuns: MapRuns;
  /** Starts and finds the executions of a Map Run. */
  readonly children: ChildExecutions;
  /** The machine that runs. */
  readonly machine: Machine;
  /** Resolves when another execution of this service has ended. */
  ended(executionArn: string, signal: AbortSignal): Promise<void>;
}

/** One level that runs: the machine, a branch or an iteration. */
export interface Frame {
  readonly run: Run;
  readonly group: StateGroup;
  readonly position: Position;
  /** Variables of the outer levels; they cannot change while this level runs. */
  readonly outer: Readonly<Record<string, Json>>;
  readonly signal: AbortSignal;
  readonly span: Span | undefined;
  /** `Map.Item` of the context object, inside an iteration. */
  readonly mapItem?: JsonObject;
}

/** How a state ends: what it passes on, what it assigns, and where it goes (`undefined`: the level ends). */
export interface Outcome {
  readonly output: Json;
  readonly assigned: Readonly<Record<string, Json>>;
  readonly next: string | undefined;
}

/** All variables that a level sees. */
export function variablesOf(frame: Frame): Record<string, Json> {
  return { ...frame.outer, ...frame.position.variables };
}

/** @throws StateError `States.DataLimitExceeded` when a value is above 256 KiB */
export function checkSize(value: Json, subject: string): Json {
  if (jsonBytes(value) > MAX_DATA_BYTES) throw dataLimitExceeded(subject);
  return value;
}
