import { MetricUnit } from "@aws-lambda-powertools/metrics";
import { describeError, TransientError } from "../errors.ts";
import { log, metrics } from "../observability.ts";
import { afterCall, type Breaker, type Ended } from "./breaker.ts";
import type { Entry, Outside } from "./entrance.ts";
import { EMPTY_ROW, type GateTable, type Row } from "./gate-table.ts";
import type { Memory } from "./memory.ts";

/** The endpoint that was called. */
export interface Endpoint {
  readonly target: string;
  readonly endpoint: string;
  readonly key: string;
}

/** An outage that has ended; times in ISO 8601. */
export interface Recovered {
  readonly target: string;
  readonly endpoint: string;
  readonly since: string;
  readonly until: string;
}

/** Tells the table how a call ended, if it matters; never fails, because the call was made. */
export type Report = (endpoint: Endpoint, entry: Entry, ended: Ended) => Promise<void>;

interface ReportOutside extends Outside {
  readonly onClose: ((recovered: Recovered) => Promise<unknown>) | undefined;
}

/** So often other functions may be faster with what they report. */
const MAX_TRIES = 20;
const TRY_AGAIN_MS = 50;

export function createReporter(
  table: GateTable,
  memory: Memory,
  { now, wait, random, onClose }: ReportOutside,
): Report {
  /** Writes what follows from the call; the breaker before and after, or undefined when nothing follows. */
  async function save(
    { key }: Endpoint,
    known: Row | undefined,
    ended: Ended,
    at: number,
  ): Promise<{ before: Breaker; after: Breaker } | undefined> {
    let row = known ?? (await table.read(key));
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const after = afterCall(row.breaker, ended, at);
      if (!after) return undefined;
      const before = row.breaker;
      // Listed first: what is open and not listed would be seen by nobody.
      if (after.open && !before.open) await table.register(key);
      const written = await table.replace(key, row, after);
      row = memory.keep(key, written.row);
      if (written.done) return { before, after };
      // What opens the breaker steps back for nobody: every moment more would let calls through.
      if (!after.open) await wait(random() * TRY_AGAIN_MS);
    }
    throw new TransientError("CONTENDED", `Other functions wrote the state of ${key} ${MAX_TRIES} times meanwhile.`);
  }

  /** A wait that the target named is kept by this function at least. */
  function obeyAlone(key: string, ended: Ended, at: number): void {
    const row = memory.get(key) ?? EMPTY_ROW;
    memory.keepUnsaved(key, { ...row, breaker: afterCall(row.breaker, ended, at) ?? row.breaker });
  }

  async function announce({ target, endpoint }: Endpoint, before: Breaker, after: Breaker): Promise<void> {
    if (after.open && !before.open) {
      const { reason, code, until } = after.open;
      log().warn("Breaker opened", { target, endpoint, reason, code, until: new Date(until).toISOString() });
      metrics.singleMetric().addDimension("target", target).addMetric("BreakerOpened", MetricUnit.Count, 1);
    }
    if (after.closed && before.open) {
      const since = new Date(after.closed.since).toISOString();
      const until = new Date(after.closed.at).toISOString();
      log().info("Breaker closed", { target, endpoint, since });
      await onClose?.({ target, endpoint, since, until });
    }
  }

  return async (endpoint, { row }, ended) => {
    const { target, key } = endpoint;
    const at = now();
    if (!row && ended.answer.kind === "answered") return;
    const change = await save(endpoint, row, ended, at).catch((error) => {
      log().warn("How a call ended could not be kept", {
        target,
        endpoint: endpoint.endpoint,
        error: describeError(error),
      });
      if (ended.answer.kind === "asked-to-wait") obeyAlone(key, ended, at);
    });
    if (!change) return;
    await announce(endpoint, change.before, change.after).catch((error) => {
      log().error("That a target recovered could not be told", { target, error: describeError(error) });
    });
  };
}
