import { isObject, type Json, type JsonObject } from "../json.ts";
import type { Answer } from "./types.ts";

/** The HTTP members that optimised integrations add to a result. */
export function sdkMetadata({ output, requestId, traceHeader }: Answer, contentType: string): JsonObject {
  const headers: Record<string, string> = {
    connection: "keep-alive",
    "Content-Length": String(Buffer.byteLength(JSON.stringify(output ?? null))),
    "Content-Type": contentType,
    Date: new Date().toUTCString(),
    "x-amzn-RequestId": requestId,
    ...(traceHeader ? { "X-Amzn-Trace-Id": traceHeader } : {}),
  };
  const all = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]]));
  return {
    SdkHttpMetadata: { AllHttpHeaders: all, HttpHeaders: headers, HttpStatusCode: 200 },
    SdkResponseMetadata: { RequestId: requestId },
  };
}

/** Arguments as an object; the members checked before. */
export function members(value: Json): JsonObject {
  return isObject(value) ? value : {};
}

/** A member that Step Functions serialises when it is not text already. */
export function asText(value: Json | undefined): string | undefined {
  if (value === undefined) return undefined;
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** Drops members without a value. */
export function present(value: Readonly<Record<string, Json | undefined>>): JsonObject {
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, Json] => entry[1] !== undefined && entry[1] !== null),
  );
}
