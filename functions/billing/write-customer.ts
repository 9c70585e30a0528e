import type { BillingLink, CustomerRecord } from "#shared/customer-record.ts";
import { RejectedByTargetError } from "#shared/errors.ts";
import { hashOf } from "#shared/hash.ts";
import { verdictOf } from "./errors.ts";
import type { BillingCustomer } from "./map.ts";
import { type BillingDependencies, contended, note, readRecord, stillOpen } from "./records.ts";
import {
  askedToUpdate,
  buried,
  cameToNothing,
  ended,
  isDirty,
  liveLinkOf,
  nextUpdate,
  openUntil,
  requestsOf,
  settled,
  settledBy,
} from "./requests.ts";

/**
 * `written`: Stripe holds the content, and it is recorded. `overtaken`: a newer version or another run came in between, so
 * it is to be looked at again. `gone`: the customer was deleted in Stripe, which is noted.
 */
export type Written = "written" | "overtaken" | "gone";

/** What Stripe is brought to, and which fields had to be adjusted for that. */
interface Content {
  readonly id: string;
  readonly target: BillingCustomer;
  readonly adjusted: readonly string[];
}

interface Writing extends Content {
  readonly contentHash: string;
}

/** An update that was answered with success. */
interface Sent {
  /** The record as it was when the update was noted, directly before it was sent. */
  readonly record: CustomerRecord;
  readonly key: string;
  readonly at: number;
}

/**
 * Writes the linked customer in Stripe and records that it holds the record's version. Writing the same content twice is
 * harmless, so after a stored failure the next key is used at once. What matters is *other* content that could land on top:
 * the version is recorded only when none was under way as the update was sent. What is sent later is newer, and whoever
 * sends it sees this one.
 * @throws RateLimitedError `OUTCOME_OPEN` when that may be so: the content is to be written again afterwards
 */
export async function writeCustomer(
  record: CustomerRecord,
  content: Content,
  deps: BillingDependencies,
): Promise<Written> {
  const { id } = content;
  const writing = { ...content, contentHash: hashOf(content.target) };
  const first = await send(record, writing, deps);
  if (typeof first !== "string") return settle(first, writing, deps);
  if (first !== "replayed") return first;
  const current = await readRecord(record.customerId, deps);
  if (current.version !== record.version || liveLinkOf(current)?.id !== id) return "overtaken";
  const second = await send(current, writing, deps);
  if (second === "replayed") throw contended(record.customerId);
  return typeof second === "string" ? second : settle(second, writing, deps);
}

/** `replayed`: this key is spent, and the next one is to be used. */
async function send(
  record: CustomerRecord,
  { id, target, contentHash }: Writing,
  deps: BillingDependencies,
): Promise<Sent | "gone" | "replayed" | "overtaken"> {
  const { orgId, customerId, version } = record;
  const known = requestsOf(record);
  // Under a key that Stripe knows already nothing would be written.
  const isFresh = isDirty(known, contentHash);
  const generation = known.update.generation + (isFresh ? 1 : 0);
  const key = hashOf(orgId, customerId, id, version, "update", contentHash, generation);
  let sent: Sent | undefined;
  const before = async () => {
    const at = deps.now();
    const noted = await note(
      record,
      (requests, current) => {
        const isSame = current.version === version && requests.update.generation === known.update.generation;
        if (!isSame || requests.deadId === id) return undefined;
        return askedToUpdate(isFresh ? nextUpdate(requests) : requests, key, contentHash, at);
      },
      deps,
      { version },
    );
    sent = noted && { record: noted, key, at };
    return sent !== undefined;
  };
  try {
    await deps.billing.update(id, target, { idempotencyKey: key, before });
    return sent ?? "overtaken";
  } catch (error) {
    const verdict = verdictOf(error);
    if (!verdict || !sent) throw error;
    const { answer, effect, meaning } = verdict;
    if (answer.code === "resource_missing") return bury(sent, id, deps);
    const isSpent = meaning === "keySpent";
    // What does not come from behind the key leaves the note as it is: the update may still be under way.
    const change = effect === "none" ? (isSpent ? settled : cameToNothing) : isSpent ? ended : undefined;
    const moved = (requests: typeof known) =>
      isSpent && requests.update.generation === generation ? nextUpdate(requests) : requests;
    if (change) await note(sent.record, (requests) => moved(change(requests, key)), deps);
    if (isSpent && answer.isReplayed) return "replayed";
    throw error;
  }
}

/** The link to a customer that holds a version. */
export function linkTo({ id, contentHash, adjusted }: Omit<Writing, "target">, version: string): BillingLink {
  return { id, version, contentHash, ...(adjusted.length > 0 ? { adjusted: [...adjusted] } : {}) };
}

/** Records what was written, unless something else may lie on top of it. */
async function settle({ record, key, at }: Sent, writing: Writing, deps: BillingDependencies): Promise<Written> {
  const { customerId, version } = record;
  const { contentHash } = writing;
  const requests = requestsOf(record);
  const isClear = openUntil(requests, contentHash, at) === undefined;
  const settles = settledBy(requests, key, at);
  const linked = isClear && (await deps.store.linkBilling(customerId, linkTo(writing, version), { settles }));
  if (linked && linked.outcome === "linked") return "written";
  const current = await note(record, (latest) => nextUpdate(ended(latest, key)), deps);
  const until = current && openUntil(requestsOf(current), contentHash, at);
  if (until !== undefined) throw stillOpen(customerId, "An update", until, deps.now());
  return "overtaken";
}

/** Notes that a customer was deleted in Stripe, so that another one is made. */
async function bury({ record, key }: Sent, id: string, deps: BillingDependencies): Promise<"gone"> {
  const { customerId } = record;
  // One that Stripe has never had is no deleted one: making it anew in the wrong account could not be taken back.
  const isDeleted = await deps.billing.isDeleted(id).catch((error) => {
    throw verdictOf(error)?.answer.code === "resource_missing" ? unknownTo(id, customerId, error) : error;
  });
  if (!isDeleted) {
    await note(record, (requests) => nextUpdate(cameToNothing(requests, key)), deps);
    throw contended(customerId);
  }
  await note(record, (requests) => buried(requests, id), deps);
  return "gone";
}

function unknownTo(id: string, customerId: string, cause: unknown): RejectedByTargetError {
  return new RejectedByTargetError(
    "UNKNOWN_CUSTOMER",
    `Stripe has never had ${id}, to which customer ${customerId} is linked: the key is one of another account or mode. ` +
      "Put the right key into the connection, then redrive.",
    { cause },
  );
}
