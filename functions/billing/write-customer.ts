import type { CustomerRecord } from "#shared/customer-record.ts";
import { RejectedByTargetError } from "#shared/errors.ts";
import { hashOf } from "#shared/hash.ts";
import { verdictOf } from "./errors.ts";
import type { BillingCustomer } from "./map.ts";
import { type BillingDependencies, contended, note, readRecord, stillOpen } from "./records.ts";
import {
  askedToUpdate,
  buried,
  doubtUntil,
  isDirty,
  nextUpdate,
  requestsOf,
  settled,
  settledBy,
  unsettled,
} from "./requests.ts";

/** What Stripe is brought to. */
export interface Writing {
  readonly id: string;
  readonly target: BillingCustomer;
  readonly contentHash: string;
  readonly version: string;
  /** The version on whose behalf this run works. */
  readonly askedFor: string;
  /** An older version that may have been written meanwhile. */
  readonly overtaken: string | undefined;
}

/** `gone`: the customer was deleted in Stripe, which is noted. Otherwise the keys of the requests that are settled now. */
export type Written =
  | { readonly outcome: "gone" }
  | { readonly outcome: "written"; readonly settles: readonly string[] };

const MAX_KEYS = 4;

/**
 * Writes a customer in Stripe. Writing the same content twice is harmless, so after a stored failure the next key is used
 * at once. What is waited for is an earlier update with other content: one whose answer was lost may still land on top.
 * @throws RateLimitedError `OUTCOME_OPEN` when that may be so: the content is to be written again afterwards
 */
export async function writeCustomer(
  record: CustomerRecord,
  writing: Writing,
  deps: BillingDependencies,
): Promise<Written> {
  let current = record;
  let hasReplayed = false;
  for (let count = 0; count < MAX_KEYS; count += 1) {
    const sent = await send(current, writing, deps, hasReplayed);
    if (sent === "gone") return { outcome: "gone" };
    if (typeof sent !== "string") return settle(sent, writing, deps);
    hasReplayed ||= sent === "replayed";
    current = await readRecord(current.customerId, deps);
    if (requestsOf(current).deadId === writing.id) return { outcome: "gone" };
  }
  throw contended(record.customerId);
}

interface Sent {
  readonly record: CustomerRecord;
  readonly key: string;
  readonly at: number;
}

/** `replayed`: this key is spent, the next one is to be used. `overtaken`: another run moved to other keys. */
async function send(
  record: CustomerRecord,
  { id, target, contentHash, version, overtaken }: Writing,
  deps: BillingDependencies,
  hasReplayed: boolean,
): Promise<Sent | "gone" | "replayed" | "overtaken"> {
  const { orgId, customerId } = record;
  const known = requestsOf(record);
  // A key that Stripe may know already would write nothing.
  const isFresh = isDirty(known, contentHash);
  const generation = known.update.generation + (isFresh ? 1 : 0);
  const key = hashOf(orgId, customerId, id, version, "update", contentHash, overtaken, generation);
  let sent: Sent | undefined;
  const before = async () => {
    const at = deps.now();
    const noted = await note(
      record,
      (requests) => {
        if (requests.update.generation !== known.update.generation || requests.deadId === id) return undefined;
        return askedToUpdate(isFresh ? nextUpdate(requests) : requests, key, { contentHash, version }, at);
      },
      deps,
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
    if (verdict.answer.code === "resource_missing") return bury(sent, id, deps);
    const isSpent = verdict.meaning === "keySpent";
    const isEnded = isSpent || (verdict.answer.status ?? 0) >= 500;
    await note(
      sent.record,
      (requests) => {
        const next =
          verdict.effect === "none" ? settled(requests, key) : unsettled(requests, key, isEnded ? "ended" : "lost");
        return isSpent && requests.update.generation === generation ? nextUpdate(next) : next;
      },
      deps,
    );
    if (isSpent && verdict.answer.isReplayed && !hasReplayed) return "replayed";
    throw error;
  }
}

/** Notes that a customer was deleted in Stripe, so that another one is made. */
async function bury({ record, key }: Sent, id: string, deps: BillingDependencies): Promise<"gone"> {
  const { customerId } = record;
  // One that Stripe has never had is no deleted one: making it anew in the wrong account could not be taken back.
  const isDeleted = await deps.billing.isDeleted(id).catch((error) => {
    throw verdictOf(error)?.answer.code === "resource_missing" ? unknownTo(id, customerId, error) : error;
  });
  if (!isDeleted) {
    await note(record, (requests) => nextUpdate(settled(requests, key)), deps);
    throw contended(customerId);
  }
  await note(record, (requests) => buried(requests, id), deps);
  return "gone";
}

async function settle({ record, key, at }: Sent, writing: Writing, deps: BillingDependencies): Promise<Written> {
  const requests = requestsOf(record);
  const until = doubtUntil(requests, { contentHash: writing.contentHash, version: writing.askedFor }, at);
  if (until === undefined) return { outcome: "written", settles: settledBy(requests, key, at) };
  await note(record, (now) => nextUpdate(settled(now, key)), deps);
  throw stillOpen(record.customerId, "An update", until, deps.now());
}

function unknownTo(id: string, customerId: string, cause: unknown): RejectedByTargetError {
  return new RejectedByTargetError(
    "UNKNOWN_CUSTOMER",
    `Stripe has never had ${id}, to which customer ${customerId} is linked: the key is one of another account or mode. ` +
      "Put the right key into the connection, then redrive.",
    { cause },
  );
}
