import type { HistoryEventType } from "@aws-sdk/client-sfn";
import type { State } from "../definition/types.ts";
import { StateError } from "../errors.ts";
import { type Json, type JsonObject, jsonBytes, jsonType, MAX_DATA_BYTES } from "../json.ts";
import { ExpressionError, evaluateValue, expressionOf, wrongType } from "../jsonata/evaluator.ts";
import type { Span } from "../tracing.ts";
import { checkSize, type Frame, type Outcome, type Position, variablesOf } from "./frame.ts";

/** Bytes that the variables of an execution may have together. */
const MAX_VARIABLES_BYTES = 10 * 1024 * 1024;

/** Members of `$states` beyond input and context. */
export interface Results {
  readonly result?: Json;
  readonly errorOutput?: Json;
}

/** One visit of a state, over all its retries. */
export class Visit<S extends State = State> {
  readonly frame: Frame;
  readonly name: string;
  readonly state: S;
  readonly span: Span | undefined;
  /** Retries made so far. */
  retryCount = 0;
  /** Of the current attempt, when the task waits for a callback. */
  token: string | undefined;

  constructor(frame: Frame, state: S) {
    this.frame = frame;
    this.state = state;
    this.name = frame.position.state;
    this.span = frame.span?.child(this.name, { aws: { state_type: state.Type } });
  }

  get position(): Position {
    return this.frame.position;
  }

  get input(): Json {
    return this.position.input;
  }

  event(type: HistoryEventType, details?: Readonly<Record<string, unknown>>): number {
    return this.frame.run.history.add(this.position, type, details);
  }

  /** The context object. https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html */
  context(): JsonObject {
    const retries = ["Task", "Parallel", "Map"].includes(this.state.Type) ? { RetryCount: this.retryCount } : {};
    return {
      ...this.frame.run.context,
      State: { Name: this.name, EnteredTime: contextTime(this.position.entered?.at ?? 0), ...retries },
      ...(this.token ? { Task: { Token: this.token } } : {}),
      ...(this.frame.mapItem ? { Map: { Item: this.frame.mapItem } } : {}),
    };
  }

  /**
   * Evaluates the expressions in a field of the state.
   * @param mapItem `Map.Item` of the context, for an ItemSelector
   * @throws StateError `States.QueryEvaluationError`, after the event that tells so
   */
  async evaluate(value: Json, field: string, results: Results = {}, mapItem?: JsonObject): Promise<Json> {
    try {
      const context = mapItem ? { ...this.context(), Map: { Item: mapItem } } : this.context();
      return await evaluateValue(value, field, {
        states: { input: this.input, context, ...results },
        variables: variablesOf(this.frame),
      });
    } catch (cause) {
      if (cause instanceof ExpressionError) throw this.evaluationFailed(cause);
      throw cause;
    }
  }

  /** Evaluates a field whose value must have one JSON type. @throws StateError */
  async evaluateAs(type: ReturnType<typeof jsonType>, value: Json, field: string): Promise<Json> {
    const result = await this.evaluate(value, field);
    if (jsonType(result) !== type)
      throw this.evaluationFailed(wrongType(expressionOf(value) ?? String(value), field, type, result));
    return result;
  }

  /** Evaluates a whole number of at least `min`. @throws StateError */
  async evaluateInteger(value: Json, field: string, min: number): Promise<number> {
    const number = Math.floor((await this.evaluateAs("number", value, field)) as number);
    if (number >= min) return number;
    throw this.fieldFailed(field, `The ${field} field must be at least ${min} but was: ${number}`);
  }

  /** A field has a value that the state cannot use. */
  fieldFailed(field: string, problem: string): StateError {
    return this.evaluationFailed(new ExpressionError(field, problem));
  }

  evaluationFailed({ field, message }: ExpressionError): StateError {
    const entered = this.position.entered?.eventId ?? 0;
    const cause = `An error occurred while executing the state '${this.name}' (entered at the event id #${entered}). ${message}`;
    const error = new StateError("States.QueryEvaluationError", cause);
    this.event("EvaluationFailed", { ...error.details(), location: field, state: this.name });
    return error;
  }

  /**
   * Ends the state by its own `Output`, `Assign` and `Next`.
   * @param fallback the output when the state has no `Output`
   */
  complete(fallback: Json, results: Results = {}): Promise<Outcome> {
    const state = this.state as { Output?: Json; Assign?: JsonObject; Next?: string };
    return this.finish(state, fallback, state.Next, results);
  }

  /** Ends the state by the `Output` and `Assign` of a choice rule or catcher. */
  async finish(
    { Output, Assign }: { readonly Output?: Json; readonly Assign?: JsonObject },
    fallback: Json,
    next: string | undefined,
    results: Results,
    prefix = "",
  ): Promise<Outcome> {
    const assigned = Assign ? ((await this.evaluate(Assign, `${prefix}Assign`, results)) as JsonObject) : {};
    const output = Output === undefined ? fallback : await this.evaluate(Output, `${prefix}Output`, results);
    this.#checkVariables(assigned);
    return { output: checkSize(output, this.name), assigned, next };
  }

  #checkVariables(assigned: JsonObject): void {
    // One variable and all of one Assign have the same limit, so the sum decides.
    const size = Object.values(assigned).reduce<number>((sum, value) => sum + jsonBytes(value), 0);
    const all = Object.values({ ...variablesOf(this.frame), ...assigned });
    const total = all.reduce<number>((sum, value) => sum + jsonBytes(value), 0);
    if (size <= MAX_DATA_BYTES && total <= MAX_VARIABLES_BYTES) return;
    throw new StateError(
      "States.DataLimitExceeded",
      `The variables assigned in the state '${this.name}' exceed the maximum number of bytes service limit.`,
    );
  }
}

/** An ISO time as the context object writes it: a fraction without trailing zeros. */
export function contextTime(ms: number): string {
  return new Date(ms).toISOString().replace(/\.?0+Z$/, "Z");
}
