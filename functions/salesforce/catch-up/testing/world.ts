import type { OutgoingEvent } from "#shared/publish.ts";
import type { Kept } from "#shared/state-table.ts";
import { ungated } from "#shared/targets/gate.ts";
import type { SalesforceConnection } from "../../org/connection.ts";
import { keys } from "../../org/keys.ts";
import { COMMIT, header, ORG } from "../../testing.ts";
import { createPubSub } from "../client.ts";
import type { Position } from "../position.ts";
import { type CatchUpDependencies, catchUp } from "../run.ts";
import { replayBytes, SESSION, type TestEvent, type TestPubSub } from "./server.ts";

export const CHANNEL = "/data/ChangeEvents";
const HOUR = 3_600_000;
/** An hour after all changes were committed, unless they say otherwise. */
export const NOW = COMMIT + HOUR;
export const POSITION_KEY = keys.position(ORG, CHANNEL);

/** The n-th event of the channel. */
export function eventOf(replayId: number, members: Record<string, unknown> = {}): TestEvent {
  return { replayId, header: header({ sequenceNumber: replayId, ...members }) };
}

/** Events with the replay ids 1 to `count`. */
export function eventsOf(count: number): TestEvent[] {
  return Array.from({ length: count }, (_, n) => eventOf(n + 1));
}

/** A state table in memory, which counts revisions as the real one does. */
function memoryState() {
  const kept = new Map<string, Kept<unknown>>();
  const state: CatchUpDependencies["state"] = {
    read: async (key) => kept.get(key) as never,
    readMany: async (wanted) =>
      new Map(wanted.flatMap((key) => (kept.has(key) ? [[key, kept.get(key)]] : []))) as never,
    replace: async (key, value, revision) => {
      if ((kept.get(key)?.revision ?? 0) !== revision) return false;
      kept.set(key, { value, revision: revision + 1 });
      return true;
    },
  };
  return { kept, state };
}

/** Everything around a catch-up, in memory, beside the real Pub/Sub client; `run` does one. */
export function worldAt(server: TestPubSub, members: Partial<CatchUpDependencies> = {}) {
  const { kept, state } = memoryState();
  const sent: string[] = [];
  const published: OutgoingEvent[] = [];
  const counted = new Map<string, number>();
  const sessions: boolean[] = [];
  const connection = {
    orgId: ORG,
    pubSubEndpoint: server.endpoint,
    pubSubCertificate: server.certificate,
    pubSubChannel: CHANNEL,
    mapping: "default",
  } as SalesforceConnection;
  const deps: CatchUpDependencies = {
    salesforce: {
      connection: async () => connection,
      session: async ({ renew = false } = {}) => {
        sessions.push(renew);
        return renew ? { ...SESSION, accessToken: "token-2" } : SESSION;
      },
    },
    withPubSub: createPubSub(ungated),
    state,
    send: async (bodies) => void sent.push(...bodies),
    publish: async (events) => {
      published.push(...events);
      return events.map((event) => ({ event }));
    },
    count: (metric, value) => counted.set(metric, (counted.get(metric) ?? 0) + value),
    decoders: new Map(),
    now: () => NOW,
    patienceMs: 20_000,
    ...members,
  };
  return {
    ...{ kept, sent, published, counted, sessions, deps },
    run: (data: { maxEvents?: number; maxSeconds?: number; graceSeconds?: number } = {}) =>
      catchUp({ metadata: METADATA, data }, deps),
    /** Stores the position behind an event, as an earlier run would have. */
    startAfter: (replayId: number, members: Partial<Position> = {}) => {
      const value = {
        replayId: replayBytes(replayId).toString("hex"),
        commitTimestamp: COMMIT,
        updatedAt: NOW,
        ...members,
      };
      kept.set(POSITION_KEY, { value, revision: 1 });
    },
    /** Replay id of the stored position. */
    position: () => {
      const position = kept.get(POSITION_KEY)?.value as Position | undefined;
      return position && Number.parseInt(position.replayId, 16);
    },
    /** Sequence numbers of the changes that were sent. */
    sentNumbers: () => sent.map((body) => JSON.parse(body).detail.payload.ChangeEventHeader.sequenceNumber as number),
    /** Marks changes as the capture does. */
    markSeen: (...events: readonly TestEvent[]) => {
      for (const { header: of } of events)
        for (const recordId of of.recordIds as string[])
          kept.set(keys.seen(ORG, of as never, recordId), { value: {}, revision: 0 });
    },
  };
}

export const METADATA = {
  eventId: "request-1",
  occurredAt: "2026-01-01T00:00:00.000Z",
  correlationId: "correlation-1",
  causationId: "request-1",
  orgId: ORG,
  actor: "system:schedule",
  schemaVersion: 1 as const,
};
