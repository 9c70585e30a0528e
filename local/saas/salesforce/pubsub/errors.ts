import { Metadata, type ServiceError, status } from "@grpc/grpc-js";

const PREFIX = "sfdc.platform.eventbus.grpc.";

/** An error as the Pub/Sub API ends a call: a gRPC status, and the real reason in the trailer `error-code`. */
export type PubSubError = Partial<ServiceError> & { readonly code: status; readonly metadata: Metadata };

/**
 * @param errorCode without its common beginning `sfdc.platform.eventbus.grpc.`
 * @see https://developer.salesforce.com/docs/platform/pub-sub-api/guide/handling-errors.html
 */
export function pubSubError(code: status, errorCode: string, message: string, rpcId: string): PubSubError {
  const metadata = new Metadata();
  metadata.set("error-code", `${PREFIX}${errorCode}`);
  metadata.set("rpc-id", rpcId);
  const details = `${message} rpcId: ${rpcId}`;
  return Object.assign(new Error(details), { code, details, metadata });
}

export const authError = (rpcId: string) =>
  pubSubError(
    status.UNAUTHENTICATED,
    "service.auth.error",
    "An authentication exception occurred. Check that the access token is valid.",
    rpcId,
  );

export const authHeadersInvalid = (header: string, rpcId: string) =>
  pubSubError(
    status.UNAUTHENTICATED,
    "service.auth.headers.invalid",
    `The header '${header}' is missing or not valid.`,
    rpcId,
  );

export const topicNotFound = (topic: string, rpcId: string) =>
  pubSubError(status.NOT_FOUND, "topic.not.found", `The topic '${topic}' does not exist.`, rpcId);

export const topicMismatch = (rpcId: string) =>
  pubSubError(
    status.INVALID_ARGUMENT,
    "subscription.fetch.topic.mismatch",
    "The topic name differs from the first request of the stream.",
    rpcId,
  );

export const nothingRequested = (rpcId: string) =>
  pubSubError(
    status.INVALID_ARGUMENT,
    "subscription.fetch.requested.events.invalid",
    "The number of requested events must be greater than zero.",
    rpcId,
  );

export const replayIdMissing = (rpcId: string) =>
  pubSubError(
    status.INVALID_ARGUMENT,
    "subscription.fetch.replayid.validation.failed",
    "The replay preset CUSTOM needs a replay ID.",
    rpcId,
  );

export const replayIdCorrupted = (rpcId: string) =>
  pubSubError(
    status.INVALID_ARGUMENT,
    "subscription.fetch.replayid.corrupted",
    "The Replay ID validation failed. Ensure that the Replay ID is valid and within the retention window.",
    rpcId,
  );

export const deliveryLimitExceeded = (rpcId: string) =>
  pubSubError(
    status.RESOURCE_EXHAUSTED,
    "subscription.limit.exceeded",
    "You have exceeded the event delivery limit for your org.",
    rpcId,
  );

export const serviceUnavailable = (rpcId: string) =>
  pubSubError(status.INTERNAL, "service.unavailable", "The Pub/Sub API service is not available.", rpcId);

export const orgMoved = (rpcId: string) =>
  pubSubError(
    status.UNAVAILABLE,
    "service.unavailable",
    "The org is moving to another instance, or begins anew.",
    rpcId,
  );
