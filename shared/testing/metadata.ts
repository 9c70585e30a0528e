/** The metadata of an event as the bus has it. */
export const METADATA = {
  eventId: "event-1",
  occurredAt: "2026-01-01T00:00:00.000Z",
  correlationId: "correlation-1",
  causationId: "event-0",
  orgId: "00D000000000001EAA",
  actor: "005",
  schemaVersion: 1 as const,
};
