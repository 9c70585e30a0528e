import { z } from "zod";
import { type Control, ControlError, parseControl } from "../front/control.ts";
import { toId18 } from "./ids.ts";
import { expireTokens } from "./oauth.ts";
import type { Actor, Org } from "./org.ts";
import type { EventRelay } from "./relay.ts";
import { requireType, typeOfId } from "./schema.ts";
import { type Commit, HUMAN_USER } from "./state.ts";

const eventFault = z.strictObject({
  kind: z.enum(["duplicate", "drop", "reorder", "gap", "overflow"]),
  entity: z.enum(["Account", "Contact"]).optional(),
  nth: z.int().positive().default(1),
  times: z.int().positive().default(1),
});
const rawEvent = z.strictObject({
  detailType: z.string().default("AccountChangeEvent"),
  /** The event's `detail`: a text goes out as it is, anything else as JSON. */
  detail: z.unknown(),
  source: z.string().optional(),
});
const seed = z.strictObject({
  accounts: z.array(z.record(z.string(), z.unknown())).default([]),
  contacts: z.array(z.record(z.string(), z.unknown())).default([]),
});
const limits = z.strictObject({ used: z.int().nonnegative().optional(), max: z.int().positive().optional() });
const relayState = z.strictObject({ state: z.enum(["RUN", "PAUSE", "STOP"]) });
const recordId = z.strictObject({ id: z.string() });
const since = z.strictObject({ after: z.coerce.number().default(0) });

/** What the controls work on; both change when the state is replaced. */
export interface OrgHandle {
  readonly org: Org;
  readonly relay: EventRelay;
}

/** Controls of the Salesforce emulator beside faults and counters. `persist` writes what a control has changed. */
export function salesforceControls(current: () => OrgHandle, persist: () => Promise<void>): readonly Control[] {
  const changing =
    (work: (handle: OrgHandle, input: unknown) => unknown) =>
    async (input: unknown): Promise<unknown> => {
      const output = work(current(), input);
      await persist();
      return output;
    };
  return [
    { method: "POST", path: "seed", run: changing(({ org }, input) => seedOrg(org, parseControl(seed, input))) },
    { method: "POST", path: "tokens/expire", run: changing(({ org }) => ({ expired: expireTokens(org) })) },
    {
      method: "POST",
      path: "limits",
      run: changing(({ org }, input) => Object.assign(org.state.api, parseControl(limits, input))),
    },
    {
      method: "POST",
      path: "undelete",
      run: changing(({ org }, input) => undelete(org, parseControl(recordId, input).id)),
    },
    { method: "GET", path: "log", run: (input) => commitsAfter(current().org, parseControl(since, input).after) },
    {
      method: "POST",
      path: "events",
      run: changing(({ org }, input) => {
        const { detailType, detail, source } = parseControl(rawEvent, input);
        if (detail === undefined) throw new ControlError("An event needs a 'detail'.");
        return org.emitRaw(detailType, typeof detail === "string" ? detail : JSON.stringify(detail), source);
      }),
    },
    { method: "GET", path: "event-faults", run: () => current().org.state.relay.faults },
    {
      method: "POST",
      path: "event-faults",
      run: changing(({ relay }, input) => {
        const { entity, ...fault } = parseControl(eventFault, input);
        relay.addFault({ ...fault, ...(entity ? { entity } : {}) });
      }),
    },
    { method: "DELETE", path: "event-faults", run: changing(({ relay }) => relay.clearFaults()) },
    { method: "GET", path: "relay", run: () => current().relay.status() },
    {
      method: "POST",
      path: "relay",
      run: changing(({ relay }, input) => {
        relay.setState(parseControl(relayState, input).state);
        return relay.status();
      }),
    },
  ];
}

/** Makes records as the human user, each list in one transaction. @returns the ids in the order given */
export function seedOrg(
  org: Org,
  { accounts, contacts }: z.output<typeof seed>,
): { accounts: string[]; contacts: string[] } {
  const insert = (typeName: string, records: readonly Record<string, unknown>[]) =>
    org.transact(humanActor(org), (tx) => records.map((record) => tx.insert(requireType(typeName), record)));
  return { accounts: insert("Account", accounts), contacts: insert("Contact", contacts) };
}

function undelete(org: Org, given: string): { id: string } {
  const id = toId18(given);
  const type = id && typeOfId(id);
  if (!id || !type) throw new ControlError(`'${given}' is not the id of a record.`);
  org.transact(humanActor(org), (tx) => tx.undelete(type, id));
  return { id };
}

function humanActor(org: Org): Actor {
  const user = org.records(requireType("User")).find((one) => one.Username === HUMAN_USER);
  return { userId: String(user?.Id), changeOrigin: "com/salesforce/api/soap/66.0;client=SfdcInternalAPI/" };
}

/** Transactions with an event after a replay id, oldest first. */
function commitsAfter(org: Org, replayId: number): { commits: readonly Commit[] } {
  return { commits: org.state.log.filter((commit) => commit.events.some((event) => event.replayId > replayId)) };
}
