import type { DetailOf } from "#shared/contracts/event.ts";
import { type catchUpRequested, reconciliationRequested } from "#shared/contracts/events.ts";
import { describeError } from "#shared/errors.ts";
import { log } from "#shared/observability.ts";
import { createEvent, type Publish, publishAll } from "#shared/publish.ts";
import { currentScope } from "#shared/scope.ts";
import type { SendMessages } from "#shared/send-messages.ts";
import type { StateTable } from "#shared/state-table.ts";
import type { Salesforce } from "../client/types.ts";
import { chooseMapping, feedingEntities } from "../mapping/mapping.ts";
import { keys } from "../org/keys.ts";
import type { PubSub, WithPubSub } from "./client.ts";
import { deliver, type Tally } from "./deliver.ts";
import { isPositionLost } from "./errors.ts";
import { type LostPosition, noteLook, openPosition, type Position, type StoredPosition } from "./position.ts";
import { type Decode, type Ending, readNewest, readStretches, type Stretch } from "./read.ts";
import { type Decoders, decodeReceived } from "./received.ts";

/** What a catch-up needs of the world. */
export interface CatchUpDependencies {
  readonly salesforce: Pick<Salesforce, "connection" | "session">;
  readonly withPubSub: WithPubSub;
  readonly state: Pick<StateTable, "read" | "readMany" | "replace">;
  /** Onto the queue that the live feed fills. */
  readonly send: SendMessages;
  readonly publish: Publish;
  readonly count: (metric: string, value: number) => void;
  readonly decoders: Decoders;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Milliseconds of silence that count as the end of the channel. */
  readonly patienceMs: number;
}

/** Why a run ended: as reading does, or because there was no position yet, it was lost, or another run moved it. */
type Outcome = Ending | "first-run" | "position-lost" | "superseded";

type Request = DetailOf<typeof catchUpRequested>;

/** One run, with what it found out so far. */
interface Run {
  readonly request: Request;
  readonly deps: CatchUpDependencies;
  readonly orgId: string;
  readonly channel: string;
  /** Objects whose changes are passed on; the channel may carry more. */
  readonly entities: ReadonlySet<string>;
  readonly startedAt: number;
  readonly tally: Tally;
}

const MAX_EVENTS = 20_000;
const GRACE_SECONDS = 120;
/** Longest time that a run may take, whatever was asked for; below the function's timeout, above the keepalive's 270 s. */
export const MAX_SECONDS = 290;
// Salesforce keeps events for 72 hours; a position of a quiet channel is renewed long before.
const STALE_MS = 24 * 3_600_000;
const MARGIN_MS = 10 * 60_000;
/** So long the live feed may miss every change before it counts as dead. */
const DEAD_AFTER_MS = 24 * 3_600_000;

/**
 * Reads the changes since the stored position and puts those on the queue that the live feed has not brought. The position
 * moves only after the queue has taken them, so that a crash costs duplicates and never a change. An event that cannot be
 * decoded goes onto the queue too, to be parked, and blocks nothing.
 * @throws TransientError, RateLimitedError or NotAuthorizedError for what Salesforce and AWS answer; TargetUnavailableError
 *   when the breaker of the organisation's logins, or of its Pub/Sub API, is open
 */
export async function catchUp(request: Request, deps: CatchUpDependencies): Promise<Outcome> {
  const { salesforce, withPubSub } = deps;
  const connection = await salesforce.connection();
  const { orgId, pubSubChannel: channel, pubSubEndpoint: endpoint, pubSubCertificate: certificate } = connection;
  const tally = { read: 0, notFollowed: 0, passedOver: 0, sent: 0, unreadable: 0 };
  const entities = feedingEntities(chooseMapping(connection.mapping));
  const run: Run = { request, deps, orgId, channel, entities, startedAt: deps.now(), tally };
  const report = (outcome: Outcome | "failed") => ({
    orgId,
    channel,
    outcome,
    ...tally,
    seconds: (deps.now() - run.startedAt) / 1000,
  });
  try {
    const position = await openPosition(deps.state, keys.position(orgId, channel), deps.now);
    const before = position.current;
    const settings = { endpoint, certificate, orgId, session: salesforce.session };
    const outcome = await withPubSub(settings, (pubSub) => followOnce(run, pubSub, position));
    await noteLook(deps.state, keys.looked(orgId, channel), deps.now());
    const isDead = isFeedDead(position, deps.now());
    deps.count("LiveFeedsDead", Number(isDead));
    if (isDead) log().warn("The live feed has brought none of the changes of a day", { orgId, channel });
    log().info("Catch-up done", { ...report(outcome), ...ageOf(before, position, deps.now()) });
    return outcome;
  } catch (error) {
    log().warn("Catch-up not done", { ...report("failed"), error: describeError(error) });
    throw error;
  } finally {
    deps.count("ChangesMissedByLiveFeed", tally.sent);
    deps.count("ChangesUnreadable", tally.unreadable);
  }
}

function ageOf(before: Position | undefined, { current }: StoredPosition, now: number) {
  const seconds = (position: Position | undefined) => position && Math.round((now - position.commitTimestamp) / 1000);
  return { positionAgeSeconds: seconds(current), positionAgeSecondsBefore: seconds(before) };
}

function isFeedDead({ current }: StoredPosition, now: number): boolean {
  return current?.missingSince !== undefined && now - current.missingSince >= DEAD_AFTER_MS;
}

async function followOnce(run: Run, pubSub: PubSub, position: StoredPosition): Promise<Outcome> {
  if (position.lost) return recover(run, pubSub, position, position.lost);
  if (!position.current) return startAtNewest(run, pubSub, position);
  try {
    return await readOn(run, pubSub, position, position.current);
  } catch (error) {
    if (isPositionLost(error)) return recover(run, pubSub, position, position.current);
    throw error;
  }
}

/** Reads from the position on, and moves it stretch by stretch. */
async function readOn(run: Run, pubSub: PubSub, position: StoredPosition, from: Position): Promise<Outcome> {
  const { now, patienceMs } = run.deps;
  const { maxEvents = MAX_EVENTS, maxSeconds = MAX_SECONDS, graceSeconds = GRACE_SECONDS } = run.request.data;
  const limits = {
    maxEvents: Math.max(1, maxEvents - run.tally.read),
    deadline: deadlineOf(run, maxSeconds),
    graceMs: graceSeconds * 1000,
    // Only a keepalive renews the position of a quiet channel, and that takes minutes.
    patienceMs:
      now() - Math.min(from.commitTimestamp, from.updatedAt) > STALE_MS ? Number.POSITIVE_INFINITY : patienceMs,
    commitBefore: from.commitTimestamp,
  };
  const subscription = pubSub.subscribe(run.channel, Buffer.from(from.replayId, "hex"));
  try {
    const stretches = readStretches(subscription, decoder(run, pubSub), limits, now);
    for (;;) {
      const { value, done } = await stretches.next();
      if (done) return value;
      if (!(await passOn(run, value, position))) return "superseded";
    }
  } finally {
    subscription.cancel();
  }
}

/** The very first run: what was before is a backfill's. */
async function startAtNewest(run: Run, pubSub: PubSub, position: StoredPosition): Promise<Outcome> {
  const newest = await findNewest(run, pubSub);
  if (!(await passOn(run, newest, position))) return "superseded";
  const { orgId, channel } = run;
  log().info("Catch-up begins at the channel's newest position; a backfill brings what was before", { orgId, channel });
  return "first-run";
}

/**
 * Salesforce no longer has what came after the position, or the position cannot be read: the records that changed since
 * are compared instead, all of them when nobody knows since when. The new
 * position is taken before the comparison is asked for and stored after, so that neither gap nor crash loses a change.
 */
async function recover(run: Run, pubSub: PubSub, position: StoredPosition, lost: LostPosition): Promise<Outcome> {
  const { orgId, channel, deps, request } = run;
  const newest = await findNewest(run, pubSub);
  const now = new Date(deps.now()).toISOString();
  const window = windowSince(lost, deps.now());
  const { correlationId, eventId } = request.metadata;
  const traceHeader = currentScope()?.traceHeader;
  const metadata = {
    occurredAt: now,
    correlationId,
    causationId: eventId,
    orgId,
    actor: "system:catch-up",
    ...(traceHeader ? { traceHeader } : {}),
  };
  const events = [...run.entities].map((entity) =>
    createEvent(reconciliationRequested, metadata, { entity, reason: "position-lost", window, full: !window }),
  );
  await publishAll(deps.publish, events);
  deps.count("ReplayPositionsLost", 1);
  log().warn("Replay position lost; a reconciliation was asked for", {
    orgId,
    channel,
    replayId: lost.replayId,
    window,
  });
  return (await passOn(run, newest, position)) ? "position-lost" : "superseded";
}

function windowSince({ commitTimestamp }: LostPosition, now: number): { from: string; to: string } | undefined {
  if (commitTimestamp === undefined) return undefined;
  const from = Math.max(0, Math.min(commitTimestamp, now) - MARGIN_MS);
  return { from: new Date(from).toISOString(), to: new Date(now).toISOString() };
}

async function findNewest(run: Run, pubSub: PubSub): Promise<Stretch> {
  const { now } = run.deps;
  const subscription = pubSub.subscribe(run.channel, "latest");
  try {
    return await readNewest(subscription, decoder(run, pubSub), deadlineOf(run, MAX_SECONDS) - now(), now);
  } finally {
    subscription.cancel();
  }
}

/** Puts a stretch on the queue, then moves the position behind it; false when another run has moved it. */
async function passOn(run: Run, stretch: Stretch, position: StoredPosition): Promise<boolean> {
  const { isAlive, missedAt } = await deliver(stretch.events, run);
  const missingSince = isAlive ? undefined : (position.current?.missingSince ?? missedAt);
  const { replayId, commitTimestamp } = stretch;
  return position.advance({ replayId, commitTimestamp, ...(missingSince === undefined ? {} : { missingSince }) });
}

function decoder({ deps }: Run, pubSub: PubSub): Decode {
  return (event, commitBefore) =>
    decodeReceived(event, deps.decoders, (schemaId) => pubSub.schema(schemaId), commitBefore);
}

function deadlineOf({ startedAt }: Run, seconds: number): number {
  return startedAt + Math.min(seconds, MAX_SECONDS) * 1000;
}
