import { z } from "zod";
import { type Control, ControlError, parseControl } from "../../front/control.ts";
import type { ChangeType } from "../cdc/event.ts";
import type { Org } from "../org.ts";
import { toBusEvent } from "../relay/bus.ts";
import { findType, OBJECT_TYPES } from "../schema.ts";
import { humanActor } from "../seeding/seed.ts";
import type { EventFault } from "../state.ts";
import type { LogEntry } from "../store/event-log.ts";
import type { Changing, OrgHandle } from "./control.ts";

const entity = z.string().refine((name) => findType(name)?.name === name, {
  error: `not one of the org's objects: ${OBJECT_TYPES.map(({ name }) => name).join(", ")}`,
});
const eventFault = z.strictObject({
  kind: z.enum(["duplicate", "drop", "reorder", "gap", "overflow"]),
  entity: entity.optional(),
  nth: z.int().positive().default(1),
  /** How many events are hit; by default 1, or all when a probability is given. */
  times: z.int().positive().optional(),
  probability: z.number().min(0).max(1).optional(),
  seed: z.int().default(1),
});
const rawEvent = z.strictObject({
  detailType: z.string().default("AccountChangeEvent"),
  /** The event's `detail`: a text goes out as it is, anything else as JSON. */
  detail: z.unknown(),
  source: z.string().optional(),
});
const gap = z.strictObject({
  entity: entity.default("Account"),
  changeType: z.enum(["GAP_CREATE", "GAP_UPDATE", "GAP_DELETE", "GAP_UNDELETE", "GAP_OVERFLOW"]).default("GAP_UPDATE"),
  /** Ids, or a wildcard such as `001*` for every record of the object. */
  recordIds: z.array(z.string()).min(1),
});
const capture = z.strictObject({
  entities: z.array(entity).optional(),
  overflowThreshold: z.int().positive().optional(),
});
const relayState = z.strictObject({ state: z.enum(["RUN", "PAUSE", "STOP"]) });
const since = z.strictObject({
  after: z.coerce.number().default(0),
  limit: z.coerce.number().int().positive().default(10_000),
});
const clock = z.strictObject({ advanceMs: z.int().nonnegative() });

/** Controls of the event bus and of the relay that empties it. */
export function eventControls(current: () => OrgHandle, changing: Changing): readonly Control[] {
  return [
    { method: "GET", path: "log", run: (input) => commitsAfter(current().org, parseControl(since, input)) },
    {
      method: "POST",
      path: "events",
      run: changing(({ org }, input) => {
        const { detailType, detail, source } = parseControl(rawEvent, input);
        if (detail === undefined) throw new ControlError("An event needs a 'detail'.");
        const text = typeof detail === "string" ? detail : JSON.stringify(detail);
        return org.emitRaw({ detailType, detail: text, ...(source ? { source } : {}) });
      }),
    },
    {
      method: "POST",
      path: "gap",
      run: changing(({ org }, input) => {
        const { entity: name, changeType, recordIds } = parseControl(gap, input);
        return org.emitGap(name, changeType as ChangeType, recordIds, humanActor(org).userId);
      }),
    },
    { method: "GET", path: "event-faults", run: () => current().org.state.relay.faults },
    {
      method: "POST",
      path: "event-faults",
      run: changing(({ relay }, input) => relay.addFault(toFault(parseControl(eventFault, input)))),
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
    {
      method: "POST",
      path: "capture",
      run: changing(({ org }, input) => Object.assign(org.state.capture, parseControl(capture, input))),
    },
    {
      method: "POST",
      path: "clock",
      run: changing(({ org }, input) => {
        org.state.clockOffsetMs += parseControl(clock, input).advanceMs;
        org.wake();
        return { now: new Date(org.now()).toISOString() };
      }),
    },
    {
      method: "POST",
      path: "replay/invalidate",
      run: changing(({ org }) => {
        org.migrate();
        return { replayId: org.store.replayId };
      }),
    },
  ];
}

function toFault({ entity: name, times, probability, ...rest }: z.output<typeof eventFault>): EventFault {
  return {
    ...rest,
    times: times ?? (probability === undefined ? 1 : null),
    ...(name === undefined ? {} : { entity: name }),
    ...(probability === undefined ? {} : { probability }),
  };
}

interface LoggedCommit {
  readonly commitNumber: string;
  readonly transactionKey: string;
  readonly commitTimestamp: number;
  readonly commitUser: string;
  readonly changeOrigin: string;
  readonly events: unknown[];
}

/** Transactions with an event after a replay id, oldest first, their events as the relay sends them. */
function commitsAfter(org: Org, { after, limit }: z.output<typeof since>): { commits: readonly LoggedCommit[] } {
  const commits: LoggedCommit[] = [];
  for (const entry of org.log.slice(after, limit)) {
    const shown = toBusEvent(entry);
    if (!shown) continue;
    const last = commits.at(-1);
    const key = entry.event?.transaction.transactionKey;
    const event = { replayId: entry.replayId, ...shown };
    if (last && key !== undefined && last.transactionKey === key) last.events.push(event);
    else commits.push({ ...headOf(entry), events: [event] });
  }
  return { commits };
}

function headOf({ event, at }: LogEntry): Omit<LoggedCommit, "events"> {
  const handMade = { commitNumber: "0", transactionKey: "", commitTimestamp: at, commitUser: "", changeOrigin: "" };
  return event ? event.transaction : handMade;
}
