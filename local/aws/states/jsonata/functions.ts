import { createHash, randomInt, randomUUID } from "node:crypto";
import type { Json } from "../json.ts";

/**
 * The functions that Step Functions adds to JSONata.
 * https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html#jsonata-functions-provided-by-sfn
 */
export const EXTRA_FUNCTIONS: Readonly<Record<string, (...values: never[]) => unknown>> = {
  partition: (items: Json[] | undefined, size: number) => partition(items, size),
  range: (first: number, last: number, step: number) => range(first, last, step),
  hash: (data: Json | undefined, algorithm: string) => hash(data, algorithm),
  random: (seed?: number) => (seed === undefined ? randomInt(2 ** 32) / 2 ** 32 : seededRandom(seed)),
  uuid: () => randomUUID(),
  parse: (text: string | undefined) => (text === undefined ? undefined : parse(text)),
};

const MAX_RANGE = 1000;
const ALGORITHMS = ["MD5", "SHA-1", "SHA-256", "SHA-384", "SHA-512"];

function partition(items: Json[] | undefined, size: number): Json[][] | undefined {
  if (items === undefined) return undefined;
  const list = Array.isArray(items) ? items : [items];
  const length = integer(size, "$partition", 2);
  if (length < 1) throw new Error("The second argument of $partition must be a positive number.");
  return Array.from({ length: Math.ceil(list.length / length) }, (_, i) => list.slice(i * length, (i + 1) * length));
}

function range(first: number, last: number, step: number): number[] {
  const from = integer(first, "$range", 1);
  const to = integer(last, "$range", 2);
  const by = integer(step, "$range", 3);
  if (by === 0) throw new Error("The third argument of $range must not be zero.");
  const length = Math.max(0, Math.floor((to - from) / by) + 1);
  if (length > MAX_RANGE) throw new Error(`$range makes at most ${MAX_RANGE} items, not ${length}.`);
  return Array.from({ length }, (_, i) => from + i * by);
}

function hash(data: Json | undefined, algorithm: string): string | undefined {
  if (data === undefined) return undefined;
  if (!ALGORITHMS.includes(algorithm))
    throw new Error(`The second argument of $hash must be one of ${ALGORITHMS.join(", ")}.`);
  const text = typeof data === "string" ? data : JSON.stringify(data);
  return createHash(algorithm.replace("-", "").toLowerCase()).update(text).digest("hex");
}

/** One step of the mulberry32 generator: the same seed always gives the same number in [0, 1). */
function seededRandom(seed: number): number {
  let state = (Math.floor(seed) + 0x6d2b79f5) | 0;
  state = Math.imul(state ^ (state >>> 15), state | 1);
  state ^= state + Math.imul(state ^ (state >>> 7), state | 61);
  return ((state ^ (state >>> 14)) >>> 0) / 2 ** 32;
}

function parse(text: string): Json {
  if (typeof text !== "string") throw new Error("The argument of $parse must be a string.");
  return JSON.parse(text) as Json;
}

/** Step Functions rounds integer parameters down. */
function integer(value: number, name: string, position: number): number {
  if (typeof value !== "number") throw new Error(`Argument ${position} of ${name} must be a number.`);
  return Math.floor(value);
}
