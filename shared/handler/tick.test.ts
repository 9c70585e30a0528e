import { expect, test } from "@jest/globals";
import { NO_ORG } from "../contracts/metadata.ts";
import { asRequest } from "./tick.ts";

const ARN = "arn:aws:events:us-east-1:123456789012:rule";
const SCHEDULE = JSON.stringify([
  { rule: "fleet-sweep-schedule-0", request: "reconciliation.requested", data: { entity: "Account" } },
  { rule: "fleet-sweep-schedule-1", request: "reconciliation.requested", data: { entity: "Contact" } },
]);
const tick = (rule: string) => ({
  id: "tick-1",
  time: "2026-01-01T03:15:00Z",
  "detail-type": "Scheduled Event",
  source: "aws.events",
  resources: [`${ARN}/${rule}`],
  detail: {},
});

test("a tick is the request that its rule stands for, made when it struck", () => {
  expect(asRequest(tick("fleet-sweep-schedule-1"), SCHEDULE)).toMatchObject({
    "detail-type": "reconciliation.requested",
    detail: {
      metadata: {
        ...{ eventId: "tick-1", correlationId: "tick-1", causationId: "tick-1" },
        ...{ occurredAt: "2026-01-01T03:15:00Z", orgId: NO_ORG, actor: "system:schedule" },
      },
      data: { entity: "Contact" },
    },
  });
});

test.each([
  ["a tick of another rule", tick("fleet-sweep-schedule-2"), SCHEDULE],
  ["a tick of a consumer without a clock", tick("fleet-sweep-schedule-0"), undefined],
  ["another event", { ...tick("fleet-sweep-schedule-0"), "detail-type": "customer.synced" }, SCHEDULE],
  ["no event at all", null, SCHEDULE],
])("%s stays as it is", (_what, envelope, schedule) => {
  expect(asRequest(envelope, schedule)).toBe(envelope);
});
