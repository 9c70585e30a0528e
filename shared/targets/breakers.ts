import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { type Breaker, closeIdle, isProbing, type Reason, told, untold } from "./breaker.ts";
import { createGateTable, type Row } from "./gate-table.ts";
import { partsOf } from "./keys.ts";

/** The breaker of one endpoint; times in ISO 8601. Of a closed one, what is said is of the outage that ended last. */
export interface BreakerState {
  readonly key: string;
  readonly target: string;
  readonly endpoint: string;
  /** `probing` while one call tries. */
  readonly state: "open" | "probing" | "closed";
  /** When the outage began. */
  readonly since: string;
  /** While it is open: no call is made before. */
  readonly until?: string;
  readonly reason: Reason;
  /** Code of the error that opened it. */
  readonly code: string;
  /** The target refuses our key or login. */
  readonly needsPerson: boolean;
  readonly closedAt?: string;
  /** When people were told that it began. */
  readonly toldAt?: string;
  /** When people were told that it ended. */
  readonly endToldAt?: string;
}

/** All endpoints of a target together. */
export interface TargetState {
  /** Work for the target may fail without a call. */
  readonly open: boolean;
  /** The wait of an open endpoint is over and nobody tries yet: one piece of work may be sent to find out. */
  readonly mayProbe: boolean;
  /** While open: when the first of its endpoints may be tried, and since when the first is out. ISO 8601. */
  readonly until?: string;
  readonly since?: string;
  readonly needsPerson: boolean;
}

/** What is told, and about which outage. */
export type Outage = Pick<BreakerState, "key" | "since">;

/**
 * The breakers of all targets, for whoever tells people, starts what waits, or shows how things are. Every method throws
 * TransientError, NotAuthorizedError, InvalidInputError or RejectedByTargetError for what DynamoDB answers.
 */
export interface Breakers {
  /** Every endpoint whose breaker ever opened, by key; strongly consistent. */
  list(): Promise<BreakerState[]>;
  /** Notes that people are told that the outage began, or ended; true for exactly one caller, who then tells. */
  markTold(outage: Outage, what: "began" | "ended"): Promise<boolean>;
  /** Takes that back, because it could not be told. */
  unmarkTold(outage: Outage, what: "began" | "ended"): Promise<void>;
  /**
   * Closes the breaker if nobody probed for hours after its wait, as when no waiting work needs the endpoint any more;
   * of a refused key, for two weeks. True for the one caller that closed it. Without it such an endpoint would count as out until its next call.
   */
  closeIdle(outage: Outage): Promise<boolean>;
}

const MAX_TRIES = 10;

export function createBreakers(
  tableName: string,
  { client, now = Date.now }: { client?: DynamoDBClient; now?: () => number } = {},
): Breakers {
  const table = createGateTable(tableName, { ...(client ? { client } : {}), now });

  /** Writes what `decide` makes of the breaker; false when it makes nothing of it. */
  async function change(key: string, decide: (breaker: Breaker) => Breaker | undefined): Promise<boolean> {
    let row = await table.read(key);
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const next = decide(row.breaker);
      if (!next) return false;
      const written = await table.replace(key, row, next);
      if (written.done) return true;
      row = written.row;
    }
    return false;
  }

  return {
    async list() {
      const rows = await table.list();
      const states = [...rows].flatMap(([key, row]) => stateOfRow(key, row, now()) ?? []);
      return states.toSorted((a, b) => (a.key < b.key ? -1 : 1));
    },

    markTold: ({ key, since }, what) => change(key, (breaker) => told(breaker, what, Date.parse(since), now())),

    async unmarkTold({ key, since }, what) {
      await change(key, (breaker) => untold(breaker, what, Date.parse(since)));
    },

    closeIdle: ({ key, since }) =>
      change(key, (breaker) => (breaker.open?.since === Date.parse(since) ? closeIdle(breaker, now()) : undefined)),
  };
}

function stateOfRow(key: string, { breaker: { open, closed } }: Row, now: number): BreakerState | undefined {
  const outage = open ?? closed;
  if (!outage) return undefined;
  const { since, reason, code, toldAt } = outage;
  return {
    key,
    ...partsOf(key),
    state: open ? (isProbing(open, now) ? "probing" : "open") : "closed",
    since: iso(since),
    ...(open ? { until: iso(open.until) } : {}),
    reason,
    code,
    needsPerson: open?.reason === "refused",
    ...(open || !closed ? {} : { closedAt: iso(closed.at) }),
    ...(toldAt === undefined ? {} : { toldAt: iso(toldAt) }),
    ...(open || closed?.endToldAt === undefined ? {} : { endToldAt: iso(closed.endToldAt) }),
  };
}

/**
 * A target as one, at the moment `now` (epoch milliseconds): open when any of its endpoints is.
 * @param within only endpoints whose names begin so, such as those of one organisation
 */
export function stateOf(states: readonly BreakerState[], target: string, now: number, within = ""): TargetState {
  const open = states.filter(
    (state) => state.target === target && state.state !== "closed" && state.endpoint.startsWith(within),
  );
  const until = open.map((state) => state.until ?? "").toSorted()[0];
  const since = open.map((state) => state.since).toSorted()[0];
  return {
    open: open.length > 0,
    mayProbe: open.some((state) => state.state === "open" && Date.parse(state.until ?? "") <= now),
    needsPerson: open.some(({ needsPerson }) => needsPerson),
    ...(until && since ? { until, since } : {}),
  };
}

/** A shorter outage is nothing in a record's patience: a target that has one every day would keep it from ever ending. */
const LONG_OUTAGE_MS = 3_600_000;

/**
 * Until when a target was away last for an hour, in epoch milliseconds: `now` while it is away, 0 when it never was. What
 * failed before says nothing of a record.
 * @param endpoint only this one, such as one organisation
 */
export function awayUntil(states: readonly BreakerState[], target: string, now: number, endpoint?: string): number {
  const ends = states
    .filter((state) => state.target === target && (endpoint === undefined || state.endpoint === endpoint))
    .map(({ state, since, closedAt = "" }) => {
      if (state !== "closed") return now;
      const end = Date.parse(closedAt);
      return end - Date.parse(since) >= LONG_OUTAGE_MS ? end : 0;
    });
  return Math.max(0, ...ends);
}

function iso(time: number): string {
  return new Date(time).toISOString();
}
