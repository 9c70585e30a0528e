/** The metadata of an event as the bus has it. */
export const METADATA = {
  eventId: "event-1",
  occurredAt: "2026-01-01T00:00:00.000Z",
  correlationId: "correlation-1",
  causationId: "event-0",
  orgId: "00D5f000005KcCnEAK",
  actor: "0055f000005mc66AAA",
  schemaVersion: 1 as const,
};

/** A trace as X-Ray's header names it. */
export const TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
