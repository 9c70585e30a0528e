import { AwsError } from "../kernel/errors.ts";

/** Bytes of a request. https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const LIMITS = { RequestResponse: 6_291_456, Event: 1_048_576 } as const;

/**
 * The event as JSON text; a call without a payload means `{}`.
 * @throws AwsError `RequestTooLargeException` (413), `InvalidRequestContentException`
 */
export function checkPayload(payload: unknown, type: "RequestResponse" | "Event"): string {
  const text = payload === undefined || payload === "" ? "{}" : String(payload);
  const bytes = Buffer.byteLength(text);
  if (bytes > LIMITS[type])
    throw new AwsError(
      "RequestTooLargeException",
      `${bytes} byte payload is too large for the ${type} invocation type (limit ${LIMITS[type]} bytes)`,
      { status: 413, body: { Type: "User" } },
    );
  try {
    JSON.parse(text);
  } catch (cause) {
    throw new AwsError(
      "InvalidRequestContentException",
      `Could not parse request body into json: Could not parse payload into json: ${(cause as Error).message}`,
      { body: { Type: "User" }, cause },
    );
  }
  return text;
}
