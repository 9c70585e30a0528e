import { z } from "zod";
import { NO_ORG } from "../contracts/metadata.ts";
import { readEnv } from "../env.ts";

/** https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-rule-schedule.html */
const tickSchema = z.looseObject({
  id: z.string().min(1),
  time: z.iso.datetime(),
  "detail-type": z.literal("Scheduled Event"),
  /** The rule's ARN. */
  resources: z.tuple([z.string()]),
});

const scheduleSchema = z.array(
  z.object({ rule: z.string(), request: z.string(), data: z.record(z.string(), z.unknown()) }),
);

const environment = { SCHEDULE: z.string().optional() };

/**
 * Turns what a clock sends into the request that it stands for: one that names no organisation, and is made at the time of
 * the tick. Anything else stays as it is. A rule that transformed the tick itself would not do: its dead letters are ticks.
 * @param schedule JSON: which rule asks for what
 */
export function asRequest(envelope: unknown, schedule = readEnv(environment).SCHEDULE): unknown {
  const tick = tickSchema.safeParse(envelope);
  if (!tick.success || !schedule) return envelope;
  const { id, time: occurredAt, resources } = tick.data;
  const asked = scheduleSchema.parse(JSON.parse(schedule)).find(({ rule }) => resources[0].endsWith(`/${rule}`));
  if (!asked) return envelope;
  const ids = { eventId: id, correlationId: id, causationId: id };
  const metadata = { ...ids, occurredAt, orgId: NO_ORG, actor: "system:schedule", schemaVersion: 1 };
  return { ...tick.data, "detail-type": asked.request, detail: { metadata, data: asked.data } };
}
