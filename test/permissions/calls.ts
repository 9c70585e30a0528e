import { randomUUID } from "node:crypto";
import type { TestFleet } from "../support/fleet.ts";

/** Invokes a function by its name without service and stage; how it ends is its own affair. */
export async function invoke(fleet: TestFleet, name: string, payload: object): Promise<void> {
  const FunctionName = `connector-fleet-local-${name}`;
  await fleet.aws("lambda", "Invoke", { FunctionName, Payload: JSON.stringify(payload) });
}

/** `metadata` of an event about the organisation, with a correlation id of its own. */
export function metadataOf({ saas, clock }: TestFleet) {
  const eventId = randomUUID();
  const ids = { eventId, correlationId: eventId, causationId: eventId };
  const { orgId } = saas.salesforce;
  return { ...ids, occurredAt: new Date(clock.now()).toISOString(), orgId, actor: "system:test", schemaVersion: 1 };
}

/** Input of a task of the backfill. */
export function backfillTask(fleet: TestFleet, data: object): object {
  return { type: "backfill", metadata: metadataOf(fleet), data };
}

/** Makes records of which no event tells. @returns their ids */
export async function seed(fleet: TestFleet, kind: "accounts" | "contacts", record: object): Promise<string[]> {
  const url = `${fleet.saas.salesforce.url}/__emulator__/seed`;
  const response = await fetch(url, { method: "POST", body: JSON.stringify({ [kind]: [record], quiet: true }) });
  if (!response.ok) throw new Error(`Salesforce did not seed ${kind}: ${await response.text()}`);
  return ((await response.json()) as Record<typeof kind, string[]>)[kind];
}

/** Switches every mapping off and on again, whether Lambda has switched it off or is about to. */
export async function restartMappings({ aws }: TestFleet): Promise<void> {
  const { EventSourceMappings } = await aws<{ EventSourceMappings: { UUID: string }[] }>(
    "lambda",
    "ListEventSourceMappings",
    {},
  );
  for (const { UUID } of EventSourceMappings)
    for (const Enabled of [false, true]) await aws("lambda", "UpdateEventSourceMapping", { UUID, Enabled });
}
