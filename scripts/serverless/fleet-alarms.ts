import { TARGETS } from "../../shared/behind/marks.ts";
import { GATED_TARGETS } from "../../shared/targets/targets.ts";
import { type AlarmSpec, FIVE_MINUTES, MINUTE, pascal, sumOf } from "./alarm-spec.ts";
import type { Inventory } from "./inventory.ts";
import {
  API_USED_PERCENT,
  BROUGHT_BY_FEED,
  DEAD_FEEDS,
  FEED_QUEUE,
  MESSAGES_DENIED,
  MISSED_BY_FEED,
  ofTarget,
  POSITIONS_LOST,
  WORK_PARKED,
} from "./measures.ts";

const HOUR = 3600;
/** Percent of a day's API calls; above it a connection's default `apiReserve` makes sweep and backfill wait. */
const API_BUDGET_LOW = 80;
const BEHIND_TOO_LONG = 900;

/**
 * The alarms of the fleet as a whole: its feed, its targets and its work.
 * @param feedSilentHours 0 leaves out the alarm of a silent feed
 */
export function fleetAlarms({ queues }: Inventory, feedSilentHours: number): readonly AlarmSpec[] {
  return [
    ...(queues.some(({ id }) => id === FEED_QUEUE) ? feed(feedSilentHours) : []),
    ...TARGETS.map(behind),
    ...GATED_TARGETS.map(breakerOpen),
    ...GATED_TARGETS.map(keyRefused),
    ...singles(),
  ];
}

function feed(silentHours: number): readonly AlarmSpec[] {
  const silent: AlarmSpec = {
    id: "FeedSilent",
    name: "feed-silent",
    runbook: "feed-silent",
    says: `The live feed has brought no change of Salesforce for ${silentHours} hours.`,
    measures: [BROUGHT_BY_FEED],
    statistic: "Sum",
    period: HOUR,
    periods: silentHours,
    breaching: silentHours,
    threshold: 0,
    comparison: "LessThanOrEqualToThreshold",
    missing: "bad",
  };
  const dead: AlarmSpec = {
    ...sumOf([DEAD_FEEDS]),
    id: "FeedDead",
    name: "feed-dead",
    runbook: "feed-dead",
    says: "The live feed of an organisation has brought none of its changes for a day; the catch-up brings them, late.",
    statistic: "Maximum",
    period: HOUR,
    periods: 1,
    breaching: 1,
    missing: "stays",
  };
  const missed: AlarmSpec = {
    ...sumOf([MISSED_BY_FEED]),
    id: "FeedMisses",
    name: "feed-misses",
    runbook: "feed-misses",
    says: "The live feed loses changes: the catch-up has been finding them for most of an hour.",
    period: 15 * MINUTE,
    periods: 4,
    breaching: 3,
  };
  return silentHours > 0 ? [silent, dead, missed] : [dead, missed];
}

function behind(target: string): AlarmSpec {
  return {
    id: `${pascal(target)}Behind`,
    name: `behind-${target}`,
    runbook: "behind",
    says: `A customer has waited for ${target} for more than 15 minutes, or the reconciler does not run.`,
    measures: [ofTarget("OldestBehindSeconds", target)],
    statistic: "Maximum",
    period: MINUTE,
    periods: 5,
    breaching: 5,
    threshold: BEHIND_TOO_LONG,
    missing: "bad",
  };
}

function breakerOpen(target: string): AlarmSpec {
  return {
    id: `${pascal(target)}BreakerOpen`,
    name: `breaker-open-${target}`,
    runbook: "breaker-open",
    says: `No calls to ${target} for five minutes: it is down or asks us to wait. All goes on by itself.`,
    measures: [ofTarget("BreakerOpen", target)],
    statistic: "Maximum",
    period: MINUTE,
    periods: 5,
    breaching: 5,
    threshold: 0,
  };
}

function keyRefused(target: string): AlarmSpec {
  return {
    id: `${pascal(target)}KeyRefused`,
    name: `key-refused-${target}`,
    runbook: "key-refused",
    says: `Needs a person: ${target} refuses our key or login, and everything for it waits.`,
    measures: [ofTarget("TargetRefusesKey", target)],
    statistic: "Maximum",
    period: MINUTE,
    periods: 1,
    breaching: 1,
    threshold: 0,
  };
}

function singles(): readonly AlarmSpec[] {
  const lately = { period: FIVE_MINUTES, periods: 1, breaching: 1 };
  return [
    {
      ...sumOf([WORK_PARKED]),
      ...lately,
      id: "WorkParked",
      name: "work-parked",
      runbook: "work-parked",
      says: "Work was parked that only a person can decide.",
    },
    {
      ...sumOf([MESSAGES_DENIED]),
      ...lately,
      id: "MessagesDenied",
      name: "messages-denied",
      runbook: "messages-denied",
      says: "Needs a person: messages wait for a permission, a key or a setting.",
    },
    {
      ...sumOf([POSITIONS_LOST]),
      ...lately,
      id: "ReplayPositionLost",
      name: "position-lost",
      runbook: "position-lost",
      says: "Catch-up could not go on where it was; a sweep of the uncovered time was asked for.",
    },
    {
      id: "ApiBudgetLow",
      name: "api-budget-low",
      runbook: "api-budget-low",
      says: `An organisation has used more than ${API_BUDGET_LOW} % of its daily Salesforce API calls.`,
      measures: [API_USED_PERCENT],
      statistic: "Maximum",
      // Of a used-up budget only a call an hour tells, while other organisations' calls tell of theirs.
      period: HOUR,
      periods: 2,
      breaching: 1,
      threshold: API_BUDGET_LOW,
      missing: "stays",
    },
  ];
}
