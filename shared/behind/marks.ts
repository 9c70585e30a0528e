import { z } from "zod";
import { hashOf } from "../hash.ts";

/** What is kept in step with the store, in the order in which it is brought there: the account tells what billing did. */
export const TARGETS = ["billing", "salesforce"] as const;

export type Target = (typeof TARGETS)[number];

/** Why a target is behind, and since when. */
export const markSchema = z.looseObject({
  /** When the target fell behind, ISO 8601 in UTC. */
  since: z.iso.datetime(),
  /** Tries that failed; waiting for a target or for its budget is none. */
  tries: z.int().nonnegative(),
  /**
   * Since when tries fail by the record's own fault, as far as one can tell; moved on by the time in which nobody tried. What
   * the target asked for is none.
   */
  failingSince: z.iso.datetime().optional(),
  /** When a try failed so last. */
  failedAt: z.iso.datetime().optional(),
  /** When the mark was made, or taken up by the reconciler. */
  markedAt: z.iso.datetime(),
  /** Why the last try failed; words without personal data. */
  error: z.looseObject({ name: z.string(), code: z.string(), message: z.string() }).optional(),
});

export type Mark = z.infer<typeof markSchema>;

/** Attributes that put a customer into the sparse index `behind`: under the first target that is behind. */
export const INDEX = "behind";

/** Spread, so that 100,000 customers behind one target are neither one hot key nor one long query. */
export const SHARDS = 16;
/** A run ends within seconds; what is still marked then was killed, or waits. */
const LIVE_SECONDS = 180;
/** Work on the bulk lane waits for hours in its queue; its mark is for what is lost there. */
const BULK_SECONDS = 6 * 3600;

/** Values of `behindKey` under which customers that are behind a target are found. */
export function keysOf(target: Target): readonly string[] {
  return Array.from({ length: SHARDS }, (_, shard) => keyOf(target, shard));
}

/** `billing#07` */
export function behindKey(target: Target, customerId: string): string {
  return keyOf(target, Number.parseInt(hashOf(customerId).slice(0, 8), 16) % SHARDS);
}

function keyOf(target: Target, shard: number): string {
  return `${target}#${String(shard).padStart(2, "0")}`;
}

/** Target that a `behindKey` is of; undefined for what is none. */
export function targetOf(key: string | undefined): Target | undefined {
  return TARGETS.find((target) => key?.startsWith(`${target}#`));
}

/** Attribute of the record that holds the mark. */
export function markName(target: Target): "billingBehind" | "salesforceBehind" {
  return `${target}Behind`;
}

/** When a mark that a write has made is looked at, should its run be lost. */
export function firstTryAt(now: number, lane: "bulk" | undefined): string {
  return new Date(now + (lane === "bulk" ? BULK_SECONDS : LIVE_SECONDS) * 1000).toISOString();
}

/** A mark without a failure. */
export function newMark(now: number): Mark {
  const moment = new Date(now).toISOString();
  return { since: moment, tries: 0, markedAt: moment };
}

/** Values for `MARK`, which puts a customer behind a target; a mark that is there already keeps its age and its tries. */
export function markValues(target: Target, customerId: string, now: number, lane: "bulk" | undefined) {
  return {
    ":mark": newMark(now),
    ":behindKey": behindKey(target, customerId),
    ":nextTryAt": firstTryAt(now, lane),
  };
}

/** Assignments of an update expression that put a customer behind a target. */
export function assignMark(target: Target): string {
  const name = markName(target);
  return `${name} = if_not_exists(${name}, :mark), behindKey = :behindKey, nextTryAt = :nextTryAt`;
}
