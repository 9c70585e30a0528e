import { join } from "node:path";
import { userType } from "./objects/people.ts";
import { freshState, newUsers, type OrgState } from "./state.ts";
import { Store } from "./store/store.ts";

/** Files of an org in the folder of the state: what is small, and the journal of records and events. */
export function stateFiles(stateDir: string | undefined, orgNumber: number): { state?: string; journal?: string } {
  if (stateDir === undefined) return {};
  const name = orgNumber === 1 ? "salesforce" : `salesforce-${orgNumber}`;
  return { state: join(stateDir, `${name}.json`), journal: join(stateDir, `${name}.journal`) };
}

/** @throws Error of one sentence when the state was written by an older emulator */
export function assertReadable(state: { format?: unknown }, path: string | undefined): void {
  if (state.format !== 2)
    throw new Error(
      `The saved state in ${path ?? "memory"} is of another version: start with --reset, or delete the file.`,
    );
}

/** Makes state and store agree: the users are there, and the relay is not ahead of the bus. */
export function complete(state: OrgState, store: Store, now: number): void {
  if (store.table(userType).size === 0) {
    const users = newUsers(now, state.orgNumber);
    store.apply({ put: { User: users }, sequences: { [userType.keyPrefix]: users.length } });
  }
  state.relay.position = Math.min(state.relay.position, store.replayId);
}

/** A new org that keeps its identity and credentials, so that connections stay good, and its place on the bus. */
export function emptied(old: OrgState, oldStore: Store, now: number | undefined): { state: OrgState; store: Store } {
  const { orgId, orgNumber, channelId, privateKey, clients } = old;
  const { replayId, commitNumber } = oldStore;
  const fresh = freshState(now, orgNumber);
  const relay = { ...fresh.relay, position: replayId };
  const store = new Store();
  store.apply({ replayId, commitNumber });
  return { state: { ...fresh, orgId, channelId, privateKey, clients, relay }, store };
}
