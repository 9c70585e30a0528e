import { randomBytes, randomUUID } from "node:crypto";
import { EventBridgeClient, PutEventsCommand } from "@aws-sdk/client-eventbridge";
import type { DetailOf, EventContract } from "#shared/contracts/event.ts";
import { clientOptions } from "./endpoint.ts";
import type { Stack } from "./stack.ts";

/**
 * Puts a request on the fleet bus, in a person's name.
 * @returns its correlation id, by which `fleet trace` finds what came of it
 * @throws Error of one sentence when the bus does not take it
 */
export async function request<C extends EventContract>(
  stack: Stack,
  contract: C,
  orgId: string,
  data: DetailOf<C>["data"],
): Promise<string> {
  const eventId = randomUUID();
  const metadata = {
    eventId,
    occurredAt: new Date().toISOString(),
    correlationId: eventId,
    causationId: eventId,
    // A root of its own, so that the trace of the work can be found.
    traceHeader: `Root=1-${Math.floor(Date.now() / 1000).toString(16)}-${randomBytes(12).toString("hex")};Sampled=1`,
    orgId,
    actor: "system:cli",
    schemaVersion: 1,
  };
  const entry = {
    EventBusName: stack.bus,
    Source: contract.source,
    DetailType: contract.type,
    Detail: JSON.stringify(contract.detail.parse({ metadata, data })),
  };
  const { Entries = [] } = await new EventBridgeClient(clientOptions()).send(
    new PutEventsCommand({ Entries: [entry] }),
  );
  const [{ ErrorCode, ErrorMessage } = {}] = Entries;
  if (ErrorCode) throw new Error(`EventBridge did not take the request: ${ErrorCode}: ${ErrorMessage}`);
  return eventId;
}
