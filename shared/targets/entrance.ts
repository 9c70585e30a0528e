import { TargetUnavailableError } from "../errors.ts";
import { claimProbe, isProbing, waitOf } from "./breaker.ts";
import { type Ask, type Budget, mustMark, nextStep, spend, untilNext } from "./budget.ts";
import { EMPTY_ROW, type GateTable, type Row, type Written } from "./gate-table.ts";
import { partsOf } from "./keys.ts";
import type { Memory } from "./memory.ts";

/** Codes of TargetUnavailableError. */
export const BREAKER_OPEN = "BREAKER_OPEN";
export const BUDGET_USED_UP = "BUDGET_USED_UP";

/** Leave to make one call. Without a row the table could not be asked. */
export interface Entry {
  readonly row?: Row;
  /** Set when the call is the probe of an open breaker. */
  readonly probeId?: string;
}

export interface Limits {
  readonly budget: Budget | undefined;
  readonly maxWaitMs: number;
  readonly probeLeaseMs: number;
}

export interface Outside {
  readonly now: () => number;
  readonly wait: (ms: number) => Promise<unknown>;
  readonly random: () => number;
}

export interface Entrance {
  /** Leave for one call, after waiting for the budget. @throws TargetUnavailableError, or what DynamoDB answers */
  enter(key: string, bulk: boolean): Promise<Entry>;
  /** @throws TargetUnavailableError when the breaker was seen open, and its wait is not over */
  refuseIfKnownOpen(key: string): void;
}

/** Those who wait for a budget come back spread over this time. */
const SPREAD_MS = 250;
/** So often other functions may be faster before one steps back until the next window. */
const MAX_STEPS = 20;
/** For whoever finds a probe under way: it is decided by then. */
const PROBE_MS = 5_000;

export function createEntrance(
  table: GateTable,
  memory: Memory,
  { budget, maxWaitMs, probeLeaseMs }: Limits,
  { now, wait, random }: Outside,
): Entrance {
  /** What is known already, where that is enough: a guess costs nothing, because every write is conditional. */
  async function lookUp(key: string): Promise<Row> {
    if (memory.believesOpen(key)) return memory.get(key) ?? EMPTY_ROW;
    const known = memory.get(key);
    if (!budget || known?.breaker.open) return memory.keep(key, await table.read(key));
    return known ?? EMPTY_ROW;
  }

  /** One try to get leave; not done when another function was faster. */
  async function tryStep(
    key: string,
    row: Row,
    ask: Ask,
    step: "begin" | "take",
  ): Promise<Written & { probeId?: string }> {
    if (row.breaker.open) {
      const probeId = `${ask.now}/${random()}`;
      const claimed = claimProbe(row.breaker, probeId, probeLeaseMs, ask.now) ?? row.breaker;
      const spent = budget && spend(budget, row.spent, ask, step);
      return { ...(await table.replace(key, row, claimed, spent)), probeId };
    }
    if (!budget) return { done: true, row };
    return step === "begin" ? table.begin(key, budget, ask) : table.take(key, budget, ask, row.spent);
  }

  /** Waits for the next window; the milliseconds waited. @throws TargetUnavailableError when that would be too long */
  async function waitForWindow(key: string, row: Row, budget: Budget, ask: Ask, waited: number): Promise<number> {
    if (mustMark(budget, row.spent, ask)) memory.keep(key, (await table.markLive(key)).row);
    const delay = untilNext(budget, ask.now) + random() * SPREAD_MS;
    if (waited + delay > maxWaitMs) throw budgetUsedUp(key, delay);
    await wait(delay);
    return delay;
  }

  return {
    async enter(key, bulk) {
      let row = await lookUp(key);
      let waited = 0;
      for (let steps = 1; ; steps += 1) {
        const ask = { bulk, now: now() };
        refuseIfOpen(key, row, ask.now);
        const step = budget ? nextStep(budget, row.spent, ask) : "begin";
        if (budget && (step === "wait" || steps % MAX_STEPS === 0)) {
          waited += await waitForWindow(key, row, budget, ask, waited);
          row = memory.get(key) ?? row;
        } else if (step !== "wait") {
          const { done, probeId, ...written } = await tryStep(key, row, ask, step);
          row = memory.keep(key, written.row);
          if (done) return probeId ? { row, probeId } : { row };
        }
      }
    },

    refuseIfKnownOpen(key) {
      const row = memory.get(key);
      if (row) refuseIfOpen(key, row, now());
    },
  };
}

/** @throws TargetUnavailableError while nobody may probe */
function refuseIfOpen(key: string, { breaker: { open } }: Row, now: number): void {
  const wait = open ? waitOf(open, now) : 0;
  if (!open || wait <= 0) return;
  const seconds = Math.ceil((isProbing(open, now) ? Math.min(wait, PROBE_MS) : wait) / 1000);
  const since = new Date(open.since).toISOString();
  const text = `No call was made: ${nameOf(key)} is not called since ${since} (${open.reason}, ${open.code}).`;
  throw new TargetUnavailableError(BREAKER_OPEN, text, { retryAfterSeconds: seconds });
}

function budgetUsedUp(key: string, delay: number): TargetUnavailableError {
  const text = `No call was made: the rate budget of ${nameOf(key)} stayed used up.`;
  return new TargetUnavailableError(BUDGET_USED_UP, text, { retryAfterSeconds: Math.ceil(delay / 1000) });
}

/** `billing POST /v1/customers` */
function nameOf(key: string): string {
  const { target, endpoint } = partsOf(key);
  return `${target} ${endpoint}`;
}
