import type { Hop } from "./hops.ts";

/** A hop that nothing in the matrix makes be used while it fails. */
interface Apart {
  readonly hops: RegExp;
  /** When it is used. */
  readonly when: string;
  /** The suite in which its calls fail or are made, from the root of the repository. */
  readonly test: string;
}

/** Hops that have no cells of their own, and where they are tested instead. */
export const APART: readonly Apart[] = [
  {
    hops: /salesforce-park-backfill-batch/,
    when: "when a batch of a backfill has failed for good",
    test: "functions/salesforce/backfill/park-batch.test.ts",
  },
  {
    hops: /^backfill → (Start|Describe|Stop)Execution/,
    when: "by the distributed map, which the local AWS works within one run",
    test: "test/e2e/backfill.test.ts",
  },
  {
    hops: /^(flows-park|customers-note-failure) → (UpdateItem|Query) ParkedTable|^salesforce-(sweep|load-backfill-batch) → (UpdateItem|Query) ParkedTable/,
    when: "when the same work is parked once more",
    test: "shared/parked/table.test.ts",
  },
  {
    hops: /^salesforce-(capture|load-backfill-batch) → PutItem SalesforceStateTable|^salesforce-(sweep|load-backfill-batch) → BatchGetItem SalesforceStateTable/,
    when: "when contacts move from account to account",
    test: "functions/salesforce/changes/capture-related.test.ts",
  },
  {
    hops: /^salesforce-catch-up → PutEvents FleetBus/,
    when: "when the position of a catch-up is lost, or a clock asks for all organisations",
    test: "functions/salesforce/catch-up/failures.test.ts",
  },
  {
    hops: /^customers-note-failure → (GetItem CustomersTable|(GetItem|BatchGetItem) FleetStateTable)/,
    when: "when billing fails for long and names no wait",
    test: "test/e2e/stripe-trouble.test.ts",
  },
];

/** Where a hop is tested that has no cells of its own; undefined when it has. */
export function apartOf(hop: Hop): Apart | undefined {
  return APART.find(({ hops }) => hops.test(hop.id));
}
