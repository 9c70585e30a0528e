import type { Kernel } from "../kernel/kernel.ts";
import type { Measurement } from "../kernel/service.ts";
import type { Alarm } from "./alarms.ts";
import type { AlarmState } from "./comparison.ts";
import type { MetricStore } from "./metrics.ts";
import { stateOf } from "./state.ts";

/** Scaled: alarms are looked at every minute, as on AWS. */
const MINUTE_MS = 60_000;
/** Real: however much the clock is scaled, the twin looks no more often. */
const SHORTEST_MS = 25;
/** Minutes that one look stands for at most, when the clock is scaled so much. */
const MAX_MINUTES_AT_ONCE = 60;
const KEPT_ENTRIES = 2_000;
/** Metrics that people ask percentiles of. */
const SAMPLED = new Set(["Duration", "ExecutionTime"]);

/** One entry of DescribeAlarmHistory. */
export interface HistoryEntry {
  readonly AlarmName: string;
  readonly AlarmType: "MetricAlarm" | "CompositeAlarm";
  /** Epoch seconds. */
  readonly Timestamp: number;
  readonly HistoryItemType: "StateUpdate" | "Action";
  readonly HistorySummary: string;
  /** JSON text. */
  readonly HistoryData: string;
}

/** How an alarm stands and since when (epoch seconds). */
export interface Watched {
  readonly state: AlarmState;
  readonly reason: string;
  readonly since: number;
}

/** Feeds the metrics that AWS publishes by itself, follows the alarms, and remembers what they did. */
export class Watch {
  readonly #kernel: Kernel;
  readonly #metrics: MetricStore;
  readonly #alarms: ReadonlyMap<string, Alarm>;
  readonly #standings = new Map<string, Watched>();
  readonly #history: HistoryEntry[] = [];
  #sampledUpTo: number | undefined;
  #cancel: (() => void) | undefined;

  constructor(kernel: Kernel, metrics: MetricStore, alarms: ReadonlyMap<string, Alarm>) {
    this.#kernel = kernel;
    this.#metrics = metrics;
    this.#alarms = alarms;
    kernel.on("measurement", (measurement) => this.#put(measurement, kernel.clock.now() / 1000));
  }

  start(): void {
    const { clock } = this.#kernel;
    this.#cancel = clock.after(Math.max(MINUTE_MS, SHORTEST_MS * clock.scale), () => {
      this.look();
      this.start();
    });
  }

  stop(): void {
    this.#cancel?.();
  }

  /** Newest last. */
  history(): readonly HistoryEntry[] {
    return this.#history;
  }

  /** Takes the gauges and works out every alarm, now. */
  look(): ReadonlyMap<string, Watched> {
    const now = this.#kernel.clock.now();
    this.sample();
    for (const alarm of this.#alarms.values()) {
      const before = this.#standings.get(alarm.AlarmName);
      const { state, reason } = stateOf(alarm, this.#alarms, this.#metrics, now, before?.state);
      const changed = state !== (before?.state ?? "INSUFFICIENT_DATA");
      if (changed) this.#record(alarm, before?.state ?? "INSUFFICIENT_DATA", state, reason, now / 1000);
      const since = changed || !before ? now / 1000 : before.since;
      this.#standings.set(alarm.AlarmName, { state, reason, since });
    }
    return this.#standings;
  }

  /** Takes the gauges of all services for this minute, and for those that passed since the last time. */
  sample(): void {
    const minute = this.#metrics.startOf(this.#kernel.clock.now() / 1000, 60);
    const first = Math.max((this.#sampledUpTo ?? minute - 60) + 60, minute - (MAX_MINUTES_AT_ONCE - 1) * 60);
    this.#sampledUpTo = minute;
    const gauges = this.#kernel.services().flatMap((service) => service.gauges?.() ?? []);
    for (let start = Math.min(first, minute); start <= minute; start += 60)
      for (const gauge of gauges) this.#put(gauge, this.#metrics.timeOf(start));
  }

  #put({ namespace, dimensions, values }: Measurement, at: number): void {
    const Dimensions = Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value }));
    for (const [MetricName, value] of Object.entries(values)) {
      const Unit = unitOf(MetricName);
      // Without percentiles a value takes no room of its own.
      const content = SAMPLED.has(MetricName)
        ? { Value: value }
        : { StatisticValues: { SampleCount: 1, Sum: value, Minimum: value, Maximum: value } };
      this.#metrics.put(namespace, { MetricName, Dimensions, Unit, Timestamp: at, ...content }, at * 1000);
    }
  }

  /** Keeps a change of state, and what the alarm did about it: on AWS a message to each SNS topic. */
  #record({ AlarmName, kind, properties }: Alarm, from: AlarmState, to: AlarmState, reason: string, at: number): void {
    const AlarmType = kind === "metric" ? ("MetricAlarm" as const) : ("CompositeAlarm" as const);
    const entry = { AlarmName, AlarmType, Timestamp: at };
    const HistoryData = JSON.stringify({
      version: "1.0",
      oldState: { stateValue: from },
      newState: { stateValue: to, stateReason: reason },
    });
    this.#history.push({
      ...entry,
      HistoryItemType: "StateUpdate",
      HistorySummary: `Alarm updated from ${from} to ${to}`,
      HistoryData,
    });
    for (const action of actionsOf(properties, to))
      this.#history.push({
        ...entry,
        HistoryItemType: "Action",
        HistorySummary: `Successfully executed action ${action}`,
        HistoryData: JSON.stringify({ actionState: "Succeeded", notificationResource: action, stateUpdate: to }),
      });
    this.#history.splice(0, Math.max(0, this.#history.length - KEPT_ENTRIES));
  }
}

function actionsOf(properties: Alarm["properties"], state: AlarmState): readonly string[] {
  if (String(properties.ActionsEnabled ?? true) === "false") return [];
  const { AlarmActions, OKActions, InsufficientDataActions } = properties;
  const actions = { ALARM: AlarmActions, OK: OKActions, INSUFFICIENT_DATA: InsufficientDataActions }[state];
  return (actions ?? []).filter((action: unknown) => action !== "");
}

function unitOf(metric: string): string {
  if (SAMPLED.has(metric)) return "Milliseconds";
  return metric === "ApproximateAgeOfOldestMessage" ? "Seconds" : "Count";
}
