import { AwsError } from "../kernel/errors.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { arn, arnResource } from "../kernel/names.ts";
import { page } from "../kernel/page.ts";
import type { Operation } from "../kernel/service.ts";
import { archiveNamed, liveEvents } from "./archives.ts";
import { alreadyExists, limitExceeded, notFound, validation } from "./errors.ts";
import type { BusEvent, Replay, ReplayState } from "./model.ts";
import type { Router } from "./router.ts";
import { busName, type Store } from "./store.ts";

interface StartInput {
  readonly ReplayName: string;
  readonly Description?: string;
  /** ARN of the archive. */
  readonly EventSourceArn: string;
  /** Epoch seconds. */
  readonly EventStartTime: number;
  readonly EventEndTime: number;
  readonly Destination: { readonly Arn: string; readonly FilterArns?: readonly string[] };
}

const ACTIVE: ReadonlySet<ReplayState> = new Set(["STARTING", "RUNNING", "CANCELLING"]);
const MAXIMUM_ACTIVE = 10;
/** Events between two looks at the clock and at a cancellation. */
const CHUNK = 100;
const PAUSE_MS = 100;

/** Sends archived events through their bus again. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-replay-archived-event.html */
export class Replays {
  readonly #kernel: Kernel;
  readonly #store: Store;
  readonly #router: Router;
  readonly #stop = new AbortController();
  readonly #running = new Set<Replay>();

  constructor(kernel: Kernel, store: Store, router: Router) {
    this.#kernel = kernel;
    this.#store = store;
    this.#router = router;
  }

  operations(): Record<string, Operation> {
    const access =
      (action: string) =>
      ({ ReplayName }: { ReplayName: string }) => [{ action: `events:${action}`, resource: replayArn(ReplayName) }];
    return {
      StartReplay: { access: access("StartReplay"), run: (input: StartInput) => this.#begin(input) },
      DescribeReplay: {
        access: access("DescribeReplay"),
        run: ({ ReplayName }) => described(this.#named(ReplayName)),
      },
      ListReplays: {
        access: () => [{ action: "events:ListReplays", resource: "*" }],
        run: ({ NamePrefix = "", State, EventSourceArn, Limit, NextToken }) => {
          const found = [...this.#store.replays.values()].filter(
            (replay) =>
              replay.name.startsWith(NamePrefix) &&
              (!State || replay.state === State) &&
              (!EventSourceArn || replay.archiveArn === EventSourceArn),
          );
          const { items, nextToken } = page(found, Limit, NextToken);
          return { Replays: items.map(listed), ...(nextToken ? { NextToken: nextToken } : {}) };
        },
      },
      CancelReplay: { access: access("CancelReplay"), run: ({ ReplayName }) => this.#cancel(ReplayName) },
    };
  }

  /** Goes on with replays that a restart interrupted; events already replayed come again. */
  start(): void {
    for (const replay of this.#store.replays.values())
      if (ACTIVE.has(replay.state) && !this.#running.has(replay)) void this.#run(replay);
  }

  stop(): void {
    this.#stop.abort();
  }

  #named(name: string): Replay {
    const replay = this.#store.replays.get(name);
    if (!replay) throw notFound(`Replay ${name} does not exist.`);
    return replay;
  }

  #begin(input: StartInput) {
    const { ReplayName, Description, EventSourceArn, EventStartTime, EventEndTime, Destination } = input;
    if (this.#store.replays.has(ReplayName)) throw alreadyExists(`Replay ${ReplayName} already exists.`);
    const archiveName = arnResource(EventSourceArn).replace(/^archive\//, "");
    const archive = this.#store.archives.get(archiveName);
    if (!archive)
      throw validation(`Parameter EventSourceArn is not valid. Reason: Archive ${archiveName} does not exist.`);
    if (!(EventStartTime < EventEndTime))
      throw validation("Parameter EventEndTime is not valid. Reason: EventStartTime must be before EventEndTime.");
    const bus = this.#store.bus(Destination.Arn);
    if (bus.arn !== archive.busArn)
      throw validation("Parameter Destination.Arn is not valid. Reason: Cross event bus replay is not permitted.");
    if ([...this.#store.replays.values()].filter(({ state }) => ACTIVE.has(state)).length >= MAXIMUM_ACTIVE)
      throw limitExceeded();
    const replay: Replay = {
      name: ReplayName,
      arn: replayArn(ReplayName),
      ...(Description === undefined ? {} : { description: Description }),
      archiveArn: archive.arn,
      destination: Destination,
      from: EventStartTime,
      to: EventEndTime,
      startedAt: this.#kernel.clock.now(),
      state: "STARTING",
    };
    this.#store.replays.set(ReplayName, replay);
    void this.#run(replay);
    return { ReplayArn: replay.arn, ReplayStartTime: replay.startedAt / 1000, State: replay.state };
  }

  async #run(replay: Replay): Promise<void> {
    this.#running.add(replay);
    try {
      await this.#kernel.clock.sleep(PAUSE_MS, this.#stop.signal);
      if (replay.state === "STARTING") replay.state = "RUNNING";
      const archive = archiveNamed(this.#store, arnResource(replay.archiveArn).replace(/^archive\//, ""));
      const chosen = liveEvents(archive, this.#kernel).filter(({ event }) => inWindow(event, replay));
      for (let at = 0; at < chosen.length && replay.state === "RUNNING"; at += CHUNK) {
        for (const { event } of chosen.slice(at, at + CHUNK)) this.#replayOne(replay, event);
        if (at + CHUNK < chosen.length) await this.#kernel.clock.sleep(PAUSE_MS, this.#stop.signal);
      }
      this.#end(replay, replay.state === "CANCELLING" ? "CANCELLED" : "COMPLETED");
    } catch {
      // Stopped: the replay goes on after the restart. Otherwise its archive was deleted meanwhile.
      if (!this.#stop.signal.aborted) this.#end(replay, "FAILED");
    } finally {
      this.#running.delete(replay);
    }
  }

  #replayOne(replay: Replay, event: BusEvent): void {
    const { version, id, "detail-type": detailType, source, account, time, region, resources, detail } = event;
    const head = { version, id, "detail-type": detailType, source, account, time, region };
    const replayed: BusEvent = { ...head, "replay-name": replay.name, resources, detail };
    const { Arn, FilterArns } = replay.destination;
    const arrival = { event: replayed, ingestedAt: this.#kernel.clock.now() };
    this.#router.accept(busName(Arn), arrival, FilterArns?.length ? FilterArns : undefined);
    replay.lastEventAt = Date.parse(time);
  }

  #end(replay: Replay, state: ReplayState): void {
    replay.state = state;
    replay.endedAt = this.#kernel.clock.now();
  }

  #cancel(name: string) {
    const replay = this.#named(name);
    if (replay.state !== "STARTING" && replay.state !== "RUNNING")
      throw new AwsError("IllegalStatusException", `Replay ${name} is not in a valid state for this operation.`);
    replay.state = "CANCELLING";
    return { ReplayArn: replay.arn, State: replay.state };
  }
}

function replayArn(name: string): string {
  return arn("events", `replay/${name}`);
}

function inWindow({ time }: BusEvent, { from, to }: Replay): boolean {
  const at = Date.parse(time) / 1000;
  return at >= Math.floor(from) && at <= to;
}

function listed(replay: Replay) {
  return {
    ReplayName: replay.name,
    EventSourceArn: replay.archiveArn,
    State: replay.state,
    EventStartTime: replay.from,
    EventEndTime: replay.to,
    ReplayStartTime: replay.startedAt / 1000,
    ...(replay.lastEventAt === undefined ? {} : { EventLastReplayedTime: replay.lastEventAt / 1000 }),
    ...(replay.endedAt === undefined ? {} : { ReplayEndTime: replay.endedAt / 1000 }),
  };
}

function described(replay: Replay) {
  return {
    ...listed(replay),
    ReplayArn: replay.arn,
    Destination: replay.destination,
    ...(replay.description === undefined ? {} : { Description: replay.description }),
  };
}
