/** A JSON value: all that state inputs, results and variables may be. */
export type Json = string | number | boolean | null | Json[] | JsonObject;

export interface JsonObject {
  [member: string]: Json;
}

/** Bytes that an input, output, result or variable may have, as UTF-8 JSON text. */
export const MAX_DATA_BYTES = 262_144;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Size of a value as Step Functions counts it: the UTF-8 bytes of its JSON text. */
export function jsonBytes(value: Json): number {
  return Buffer.byteLength(JSON.stringify(value));
}

/** The JSON type name of a value, as error causes write it. */
export function jsonType(value: Json): "null" | "array" | "object" | "string" | "number" | "boolean" {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return typeof value as "object" | "string" | "number" | "boolean";
}
