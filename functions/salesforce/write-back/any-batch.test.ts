import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { isRetryable, RateLimitedError, RejectedByTargetError, TransientError } from "#shared/errors.ts";
import { RecordRefusedError } from "../client/errors.ts";
import type { SyncEvent } from "./outcome.ts";
import { deliveryOf, failed, setUp, synced, unchanged } from "./testing.ts";
import { writeOutcomes } from "./write-outcomes.ts";

const IDS = ["001000000000001AAA", "001000000000002AAA", "001000000000003AAA", "001000000000004AAA"];
const MOST_TRIES = 12;

const ERRORS = {
  lock: new TransientError("UNABLE_TO_LOCK_ROW", "locked"),
  limit: new RateLimitedError("CONCURRENT_LIMIT", "slow down", { retryAfterSeconds: 5 }),
  duplicate: new RejectedByTargetError("DUPLICATE_VALUE", "duplicates value on record with id: 001000000000009"),
  rule: new RejectedByTargetError("FIELD_CUSTOM_VALIDATION_EXCEPTION", "no"),
  gone: new RecordRefusedError("ENTITY_IS_DELETED", "entity is deleted"),
};

const event = fc
  .record({
    id: fc.constantFrom(...IDS),
    n: fc.integer({ min: 1, max: 12 }),
    kind: fc.constantFrom("synced", "unchanged", "failed", "failed early"),
  })
  .map(({ id: customerId, n, kind }): SyncEvent => {
    const billing = { outcome: "updated" as const, stripeCustomerId: `cus_${customerId.slice(12, 15)}` };
    if (kind === "failed") return failed(n, { data: { customerId } });
    if (kind === "failed early")
      return failed(n, { data: { customerId, version: "unknown", state: "UpsertCustomer" } });
    const outcome = "unchanged" as const;
    if (kind === "unchanged") return unchanged(n, { data: { customerId, billing: { ...billing, outcome } } });
    return synced(n, { data: { customerId, billing } });
  });

/** Errors that a record meets, one for every try, before its updates succeed. */
const troubles = fc.record(
  Object.fromEntries(
    IDS.map((id) => [
      id,
      fc.array(fc.constantFrom<keyof typeof ERRORS>("lock", "limit", "duplicate", "rule", "gone"), { maxLength: 4 }),
    ]),
  ),
);

test("whatever comes in whatever order, every message ends done, retried or parked, and the accounts tell the newest", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(event, { maxLength: 6 }), { maxLength: 5 }),
      troubles,
      async (batches, errors) => {
        const left = structuredClone(errors) as Record<string, (keyof typeof ERRORS)[]>;
        const troubled = new Set<string>();
        const world = setUp(Object.fromEntries(IDS.map((id) => [id, {}])), (id) => {
          const trouble = left[id]?.shift();
          // What is refused for good stays out of the account until somebody redrives it.
          if (trouble && trouble !== "lock" && trouble !== "limit") troubled.add(id);
          return trouble && ERRORS[trouble];
        });
        const ends = new Map<string, "done" | "parked">();
        let queue = batches.map((events, b) => events.map((one, n) => deliveryOf(one, `${b}/${n}`)));
        const all = queue.flat().map(({ messageId }) => messageId);
        for (let receives = 1; queue.flat().length > 0; receives += 1) {
          const again: typeof queue = [];
          for (const batch of queue) {
            const failures = new Map(
              (await writeOutcomes(batch, world.deps)).map(({ record, error }) => [record.messageId, error]),
            );
            for (const { messageId } of batch) {
              const error = failures.get(messageId);
              if (!error) ends.set(messageId, "done");
              else if (!isRetryable(error) || receives >= MOST_TRIES) ends.set(messageId, "parked");
            }
            again.push(
              batch
                .filter(({ messageId }) => !ends.has(messageId))
                .map(({ event: one, messageId }) => deliveryOf(one, messageId, receives + 1)),
            );
          }
          queue = again;
        }
        expect([...ends.keys()].toSorted()).toEqual(all.toSorted());
        for (const id of IDS)
          if (!troubled.has(id)) expect(told(world.accounts[id])).toEqual(oracle(batches.flat(), id));
        // One lock order for all.
        for (const records of world.updates)
          expect(records.map(({ Id }) => Id)).toEqual(records.map(({ Id }) => Id as string).toSorted());
      },
    ),
    { numRuns: 300 },
  );
}, 60_000);

function told(account: Record<string, unknown> | undefined) {
  return { state: account?.Sync_State__c, id: account?.Stripe_Customer_Id__c };
}

/** What an account should tell: the state of its newest run, and the id of the newest that knows it. */
function oracle(events: readonly SyncEvent[], id: string) {
  const rank = ({ type, detail: { metadata, data } }: SyncEvent) =>
    `${data.version === "unknown" ? " " : data.version} ${metadata.occurredAt} ${type === "customer.synced" ? 0 : 1}`;
  const own = events
    .filter(({ detail }) => detail.data.customerId === id)
    .toSorted((a, b) => (rank(a) < rank(b) ? -1 : 1));
  const newest = own.at(-1);
  const known = own.findLast(({ type }) => type === "customer.synced")?.detail.data as
    | { billing: { stripeCustomerId: string } }
    | undefined;
  if (!newest) return { state: undefined, id: undefined };
  const state = newest.type === "customer.synced" ? "synced" : `failed: ${newest.detail.data.state}`;
  return { state, id: known?.billing.stripeCustomerId };
}
