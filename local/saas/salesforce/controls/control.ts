import type { CometdServer } from "../cometd/server.ts";
import type { Org } from "../org.ts";
import type { PubSubFaults } from "../pubsub/faults.ts";
import type { EventRelay } from "../relay/relay.ts";

/** What the controls work on; org and relay change when the state is replaced. */
export interface OrgHandle {
  readonly org: Org;
  readonly relay: EventRelay;
  readonly cometd: CometdServer;
  readonly pubSubFaults: PubSubFaults;
}

/** Makes a control that changes the org, and is answered once the change is written down. */
export type Changing = (work: (handle: OrgHandle, input: unknown) => unknown) => (input: unknown) => Promise<unknown>;
