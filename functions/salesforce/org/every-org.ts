import type { DetailOf, EventContract } from "#shared/contracts/event.ts";
import { NO_ORG } from "#shared/contracts/metadata.ts";
import { hashOf } from "#shared/hash.ts";
import { createEvent, type Publish, publishAll } from "#shared/publish.ts";
import type { Orgs } from "./orgs.ts";

/** What asks every organisation needs of the world. */
export interface EveryOrgDependencies {
  readonly orgs: Pick<Orgs, "ids">;
  readonly publish: Publish;
}

/** Whether a request names no organisation, as those of a clock: it is meant for each of them. */
export function isForEveryOrg({ metadata }: { readonly metadata: { readonly orgId: string } }): boolean {
  return metadata.orgId === NO_ORG;
}

/**
 * Makes one request for each organisation out of one that names none. Made twice of the same request they have the same
 * ids.
 * @throws the fleet's errors when the bus does not take all of them; some may have been taken
 */
export async function askEveryOrg<C extends EventContract>(
  contract: C,
  { metadata, data }: DetailOf<C>,
  { orgs, publish }: EveryOrgDependencies,
): Promise<void> {
  const { eventId, occurredAt, actor } = metadata;
  const requests = orgs.ids.map((orgId) => {
    const id = hashOf(eventId, orgId);
    return createEvent(
      contract,
      { eventId: id, correlationId: id, causationId: eventId, occurredAt, orgId, actor },
      data,
    );
  });
  await publishAll(publish, requests);
}
