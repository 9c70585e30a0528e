import { expect, test } from "@jest/globals";
import { reconciliationRequested } from "#shared/contracts/events.ts";
import { NO_ORG } from "#shared/contracts/metadata.ts";
import { TransientError } from "#shared/errors.ts";
import type { OutgoingEvent } from "#shared/publish.ts";
import { askEveryOrg, isForEveryOrg } from "./every-org.ts";

const ids = Array.from({ length: 100 }, (_, n) => `00D0000000${String(n).padStart(5, "0")}EAA`);
const request = {
  metadata: {
    eventId: "tick",
    occurredAt: "2026-01-01T03:15:00Z",
    correlationId: "tick",
    causationId: "tick",
    orgId: NO_ORG,
    actor: "system:schedule",
    schemaVersion: 1 as const,
  },
  data: { entity: "Account", reason: "schedule" as const, full: false },
};
const asked = async () => {
  const events: OutgoingEvent[] = [];
  const publish = async (some: readonly OutgoingEvent[]) => {
    events.push(...some);
    return some.map((event) => ({ event }));
  };
  await askEveryOrg(reconciliationRequested, request, { orgs: { ids }, publish });
  return events.map(({ detail }) => detail);
};

test("a clock's request is for every organisation, a person's for the one that it names", () => {
  expect(isForEveryOrg(request)).toBe(true);
  expect(isForEveryOrg({ metadata: { orgId: ids[0] ?? "" } })).toBe(false);
});

test("a hundred organisations are asked once each, with a change of their own, and again with the same ids", async () => {
  const first = await asked();
  expect(first.map(({ metadata }) => metadata.orgId)).toEqual(ids);
  expect(new Set(first.map(({ metadata }) => metadata.correlationId)).size).toBe(ids.length);
  for (const { metadata, data } of first)
    expect([metadata.causationId, metadata.actor, data]).toEqual(["tick", "system:schedule", request.data]);
  expect(await asked()).toEqual(first);
});

test("is not done while the bus has not taken all", async () => {
  const error = new TransientError("ThrottlingException", "Slow down.");
  const publish = async (some: readonly OutgoingEvent[]) =>
    some.map((event, index) => (index === 1 ? { event, error } : { event }));
  await expect(askEveryOrg(reconciliationRequested, request, { orgs: { ids }, publish })).rejects.toBe(error);
});
