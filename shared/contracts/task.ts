import { z } from "zod";
import type { EventContract } from "./event.ts";
import { metadataSchema } from "./metadata.ts";

/** What a state machine hands to one of its functions, and what it reads of the answer. */
export interface TaskContract<Input extends z.ZodType = z.ZodType, Output extends z.ZodType = z.ZodType> {
  /** The function, as it is named in `functions:`. */
  readonly name: string;
  readonly input: Input;
  readonly output: Output;
}

/** A task with calls as they may be made, without anybody's data. No function has use for them. */
export interface ExemplifiedTask<Input extends z.ZodType = z.ZodType, Output extends z.ZodType = z.ZodType>
  extends TaskContract<Input, Output> {
  readonly examples: readonly { readonly input: z.input<Input>; readonly output: z.input<Output> }[];
}

export type InputOf<C extends TaskContract> = z.infer<C["input"]>;
export type OutputOf<C extends TaskContract> = z.infer<C["output"]>;

/** Declares a function that a state machine invokes; unknown members of its input pass through. */
export function defineTask<Input extends z.ZodType, Output extends z.ZodType>(
  task: TaskContract<Input, Output>,
): TaskContract<Input, Output> {
  return task;
}

/** What a state of a machine caught. */
export const caughtSchema = z.looseObject({ Error: z.string().optional(), Cause: z.string().optional() });

/** A fleet event as the state machine hands it to a task: its type, who and when, and its data. */
export function taskInputOf<T extends string, Data extends z.ZodType>(type: T, data: Data) {
  return z.looseObject({ type: z.literal(type), metadata: metadataSchema, data });
}

/** As `taskInputOf`, straight from a contract. */
export function eventInputOf<C extends EventContract>(contract: C) {
  return taskInputOf(contract.type as C["type"], contract.detail.shape.data as C["detail"]["shape"]["data"]);
}

/** The published JSON Schemas (draft 2020-12) of a task's input and output, with its examples. */
export function payloadsOf({ name, input, output, examples }: ExemplifiedTask) {
  const [takes, answers] = [input, output].map((schema) => z.toJSONSchema(schema, { io: "input" }));
  return { title: name, input: takes, output: answers, examples };
}
