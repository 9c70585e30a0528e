import { z } from "zod";
import { TargetUnavailableError } from "#shared/errors.ts";
import type { Connect } from "../org/connection.ts";
import { readAnswer } from "./answers.ts";
import type { Answer } from "./http.ts";
import type { ApiUsage } from "./types.ts";

const MAX_AGE_MS = 60_000;
const WAIT_SECONDS = 3_600;

const limitsSchema = z.looseObject({ DailyApiRequests: z.looseObject({ Max: z.number(), Remaining: z.number() }) });

/** Code of the TargetUnavailableError of background work while the last calls are kept. */
export const API_RESERVE = "API_RESERVE";

/** The last known usage of an organisation's daily API calls. */
export interface UsageMeter {
  readonly last: ApiUsage | undefined;
  /** Reads `Sforce-Limit-Info`, which comes with every answer. */
  observe(headers: Answer["headers"]): void;
  /** Takes an answer of `/limits`: https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_limits.htm */
  accept(limits: unknown): ApiUsage;
}

export function createUsageMeter(now: () => number, onUsage: (usage: ApiUsage) => void): UsageMeter {
  let last: ApiUsage | undefined;
  function note(used: number, max: number): ApiUsage {
    last = { used, max, observedAt: now() };
    onUsage(last);
    return last;
  }
  return {
    get last() {
      return last;
    },
    observe(headers) {
      const [, used, max] = /api-usage=(\d+)\/(\d+)/.exec(headers["sforce-limit-info"] ?? "") ?? [];
      if (used && max) note(Number(used), Number(max));
    },
    accept(limits) {
      const { DailyApiRequests } = readAnswer(limitsSchema, limits, "the limit DailyApiRequests");
      return note(DailyApiRequests.Max - DailyApiRequests.Remaining, DailyApiRequests.Max);
    },
  };
}

/**
 * Lets background work pass only above the reserve. Asks Salesforce when nothing was observed for a minute, so that
 * waiting work costs one call a minute at most.
 * @throws TargetUnavailableError `API_RESERVE`; no call was made
 */
export function createGuard(
  meter: UsageMeter,
  measure: () => Promise<unknown>,
  connect: Connect,
  now: () => number,
): () => Promise<void> {
  let measuring: Promise<unknown> | undefined;
  const isFresh = () => meter.last !== undefined && now() - meter.last.observedAt <= MAX_AGE_MS;
  async function refresh(): Promise<void> {
    measuring ??= measure().finally(() => {
      measuring = undefined;
    });
    await measuring.catch((error) => {
      // A refusal to tell the limits still carries the usage in its header.
      if (!isFresh()) throw error;
    });
  }
  return async () => {
    if (!isFresh()) await refresh();
    const { apiReserve, orgId } = await connect({ forceFetch: false });
    if (meter.last && isBelowReserve(meter.last, apiReserve)) throw belowReserve(meter.last, apiReserve, orgId);
  };
}

/** Whether background work has to wait. @param reserve share of `max`, 0 to 1 */
export function isBelowReserve({ used, max }: ApiUsage, reserve: number): boolean {
  return max - used < max * reserve;
}

function belowReserve({ used, max }: ApiUsage, reserve: number, orgId: string): TargetUnavailableError {
  const kept = Math.ceil(max * reserve);
  return new TargetUnavailableError(
    API_RESERVE,
    `Organisation ${orgId} has used ${used} of its ${max} daily API calls; the last ${kept} are kept for live changes. ` +
      "Wait, lower the connection's apiReserve, or buy more calls.",
    { retryAfterSeconds: WAIT_SECONDS },
  );
}
