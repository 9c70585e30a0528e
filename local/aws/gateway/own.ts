import type { Service, StreamingRequest } from "../kernel/service.ts";
import type { Credential, Exchange } from "./protocol.ts";

/** All of a request but its body. */
export type RequestHead = Omit<StreamingRequest, "body">;

/** A call of a service that speaks a protocol of its own, recognised by the credential scope before the body is read. */
export function ownExchange(
  services: readonly Service[],
  head: RequestHead,
  body: AsyncIterable<Buffer>,
  credential: Credential | undefined,
): Exchange | undefined {
  const service = services.find(({ name }) => name === credential?.service);
  if (service?.wire.kind !== "own") return undefined;
  return { service: service.name, ...service.wire.understand({ ...head, body }) };
}
