import { randomUUID } from "node:crypto";
import { z } from "zod";
import { retriesRequested } from "../contracts/events.ts";
import { NO_ORG } from "../contracts/metadata.ts";
import { readEnv } from "../env.ts";
import { createEvent, createPublisher, publishAll } from "../publish.ts";
import { createGate, type Gate, type GateOptions } from "./gate.ts";
import type { GatedTarget } from "./targets.ts";

/**
 * The gate of a target, as the environment of each function has it that reaches a system (`salesforceOrgs` or `connection`
 * in its declaration). The end of an outage asks at once for the work that waits.
 * @throws InvalidInputError when the environment is incomplete
 */
export function openGate(options: GateOptions & { readonly target: GatedTarget }): Gate {
  const { FLEET_STATE_TABLE, EVENT_BUS_NAME } = readEnv({
    FLEET_STATE_TABLE: z.string().min(1),
    EVENT_BUS_NAME: z.string().min(1),
  });
  const publish = createPublisher(EVENT_BUS_NAME);
  return createGate(FLEET_STATE_TABLE, options, {
    async onClose({ target, until }) {
      const eventId = randomUUID();
      const ids = { eventId, correlationId: eventId, causationId: eventId };
      const metadata = { ...ids, occurredAt: until, orgId: NO_ORG, actor: "system:gate" };
      await publishAll(publish, [createEvent(retriesRequested, metadata, { target })]);
    },
  });
}
