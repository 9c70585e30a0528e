import { setTimeout as sleep } from "node:timers/promises";
import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { describeError, FleetError, InvalidInputError, NotAuthorizedError, TargetUnavailableError } from "../errors.ts";
import { log } from "../observability.ts";
import { currentScope } from "../scope.ts";
import { answerOf } from "./breaker.ts";
import { budgetOf } from "./budget.ts";
import { createEntrance, type Entry } from "./entrance.ts";
import { createGateTable } from "./gate-table.ts";
import { gateKey } from "./keys.ts";
import { createMemory } from "./memory.ts";
import { createReporter, type Recovered } from "./report.ts";

export interface GateOptions {
  /** `billing`, `salesforce` or `slack`. */
  readonly target: string;
  /** Calls a second to each endpoint, by all functions together, above 0; without it there is only the breaker. */
  readonly ratePerSecond?: number;
  /** What the bulk lane may take of it while live work waits. */
  readonly bulkShare?: number;
  /** How long a call waits for the budget. */
  readonly maxWaitMs?: number;
  /** Longer than any call takes: a prober that crashed keeps the others away for so long. */
  readonly probeLeaseMs?: number;
}

export interface CallOptions {
  /** Whom the call is for, by default the customer of the scope. A call for nobody in particular counts for itself. */
  readonly subject?: string;
  /** By default the lane of the scope. */
  readonly lane?: "bulk";
}

/** What a gate needs of the outside. */
export interface GateDependencies {
  readonly client?: DynamoDBClient;
  readonly now?: () => number;
  /** Resolves after so many milliseconds. */
  readonly wait?: (ms: number) => Promise<unknown>;
  /** From 0 to below 1. */
  readonly random?: () => number;
  /** Called by the one function whose probe ended an outage; its failure is logged and nothing else. */
  readonly onClose?: (recovered: Recovered) => Promise<unknown>;
}

export interface Gate {
  /**
   * Makes one call of the target unless its breaker is open or its budget stays used up. `work` is one request, so that
   * the budget counts what the target counts; what it throws is thrown unchanged, but for the word that it was the probe.
   * @param endpoint one of a few fixed names, such as `POST /v1/customers`; never with the id of a record
   * @throws TargetUnavailableError `BREAKER_OPEN` or `BUDGET_USED_UP`; `work` was not called
   * @throws NotAuthorizedError when we may not use the table; `work` was not called
   */
  call<T>(endpoint: string, work: () => Promise<T>, options?: CallOptions): Promise<T>;
}

/** The gate at one endpoint: makes the call that `work` is, or throws TargetUnavailableError without it. */
export type Enter = <T>(work: () => Promise<T>) => Promise<T>;

/**
 * No gate: every call is made, and nobody learns of its end. For commands of people and for tests; no function may import it
 * (`test/architecture.test.ts`).
 */
export const ungated: Gate = { call: (_endpoint, work) => work() };

const BULK_SHARE = 0.5;
const MAX_WAIT_MS = 5_000;
const PROBE_LEASE_MS = 30_000;

/**
 * The circuit breaker and the rate budget of a target, shared by all functions through one table: one write per call in
 * calm times (one read without a budget), none while the breaker is open.
 *
 * When DynamoDB throttles or cannot be reached, calls are made without leave, with a warning in the log: a target is not
 * lost with our own table, and answers 429 if it is too much. A wait that this function knows of is kept all the same. A
 * missing table or permission of ours is thrown, because it lasts until somebody mends it; it is no record's fault.
 */
export function createGate(tableName: string, options: GateOptions, dependencies: GateDependencies = {}): Gate {
  const { target, ratePerSecond, bulkShare = BULK_SHARE, maxWaitMs = MAX_WAIT_MS } = options;
  if (ratePerSecond !== undefined && !(ratePerSecond > 0))
    throw new InvalidInputError("BAD_RATE", `The rate of ${target} must be above 0, not ${ratePerSecond}.`);
  const { client, now = Date.now, wait = sleep, random = Math.random, onClose } = dependencies;
  const table = createGateTable(tableName, { ...(client ? { client } : {}), now });
  const memory = createMemory(now);
  const budget = ratePerSecond === undefined ? undefined : budgetOf(ratePerSecond, bulkShare);
  const limits = { budget, maxWaitMs, probeLeaseMs: options.probeLeaseMs ?? PROBE_LEASE_MS };
  const entrance = createEntrance(table, memory, limits, { now, wait, random });
  const report = createReporter(table, memory, { now, wait, random, onClose });

  async function enter(key: string, bulk: boolean): Promise<Entry> {
    try {
      return await entrance.enter(key, bulk);
    } catch (error) {
      if (error instanceof TargetUnavailableError || error instanceof NotAuthorizedError) throw error;
      entrance.refuseIfKnownOpen(key);
      const about = { key, error: describeError(error) };
      log().warn("A call is made without leave, because the gate's table fails", about);
      return {};
    }
  }

  return {
    async call(endpoint, work, { subject, lane } = {}) {
      const scope = currentScope();
      const key = gateKey(target, endpoint);
      const called = { target, endpoint, key };
      const entry = await enter(key, (lane ?? scope?.lane) === "bulk");
      const startedAt = now();
      const nobody = () => `call/${startedAt}/${random()}`;
      const ended = { subject: subject ?? scope?.customerId ?? nobody(), startedAt, probeId: entry.probeId };
      const result = await work().catch(async (error) => {
        if (entry.probeId !== undefined && error instanceof FleetError) error.wasProbe = true;
        await report(called, entry, { ...ended, answer: answerOf(error) });
        throw error;
      });
      await report(called, entry, { ...ended, answer: answerOf() });
      return result;
    },
  };
}
