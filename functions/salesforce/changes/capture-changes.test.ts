import { describe, expect, test } from "@jest/globals";
import { InvalidInputError, RateLimitedError, TransientError } from "#shared/errors.ts";
import type { Failure } from "#shared/handler/queue.ts";
import type { OutgoingEvent } from "#shared/publish.ts";
import type { ChangeSegment } from "#shared/tracing.ts";
import type { Deletion } from "../client.ts";
import { ACCOUNT, account, CLIENT_NAME, COMMIT, changeOf, deliveryOf, ORG, OTHER_ACCOUNT, USER } from "../testing.ts";
import { type CaptureDependencies, captureChanges } from "./capture-changes.ts";
import type { ChangeEvent } from "./cdc.ts";

const THIRD = "0016g00000MLhLeAAL";
const NOW = COMMIT + 2_000;
const MODSTAMP = "2026-09-21T14:13:20.000Z";

interface World {
  readonly accounts?: readonly Record<string, unknown>[];
  readonly deletions?: Readonly<Record<string, Deletion>>;
  readonly readFails?: Error;
  readonly refuse?: Readonly<Record<string, Error>>;
}

/** Salesforce, bus and tracing as plain functions over `world`, with a note of what was asked of them. */
function setUp(world: World = {}) {
  const published: OutgoingEvent[] = [];
  const reads: (readonly string[])[] = [];
  const searches: (readonly string[])[] = [];
  const segments: (ChangeSegment & { failed: boolean })[] = [];
  const deps: CaptureDependencies = {
    salesforce: {
      connection: async () => ({ orgId: ORG, integrationClientName: CLIENT_NAME }),
      async readAccounts(ids) {
        reads.push(ids);
        if (world.readFails) throw world.readFails;
        return new Map((world.accounts ?? []).map((record) => [record.Id as string, record]));
      },
      async findDeleted(ids) {
        searches.push(ids);
        return new Map(Object.entries(world.deletions ?? {}));
      },
    },
    async publish(events) {
      published.push(...events);
      return events.map((event) => {
        const error = world.refuse?.[idOf(event)];
        return error ? { event, error } : { event };
      });
    },
    async inChange(segment, work) {
      const seen = { ...segment, failed: false };
      segments.push(seen);
      return work().catch((error) => {
        seen.failed = true;
        throw error;
      });
    },
    annotate: () => undefined,
    now: () => NOW,
    sampleRate: 1,
  };
  return { deps, published, reads, searches, segments };
}

function idOf({ detail: { data } }: OutgoingEvent): string {
  const { customer, customerId } = data as { customer?: { customerId: string }; customerId?: string };
  return customer?.customerId ?? customerId ?? "none";
}

const deliveries = (...events: ChangeEvent[]) => events.map((event, index) => deliveryOf(`m${index + 1}`, event));
const messageOf = (failures: readonly Failure[]) => (failures[0] ? (failures[0].error as Error).message : "none");
const summary = (failures: readonly Failure[]) =>
  failures.map(({ record, error }) => [record.messageId, (error as Error).name, (error as { code: string }).code]);

describe("a change whose account is there", () => {
  test("becomes customer.changed with everything its way needs", async () => {
    const { deps, published, segments } = setUp({ accounts: [account(ACCOUNT)] });
    expect(await captureChanges(deliveries(changeOf()), deps)).toEqual([]);
    expect(published.map(({ contract }) => contract.type)).toEqual(["customer.changed"]);
    const [segment] = segments;
    expect(published[0]?.detail).toEqual({
      metadata: {
        eventId: expect.stringMatching(/^[0-9a-f]{32}$/),
        correlationId: segment?.correlationId,
        causationId: "5c42b99e-c214-4a9c-8fbd-1a41e5faa44a",
        traceHeader: `${segment?.traceHeader?.replace(";Sampled=1", "")};Parent=${segment?.segmentId};Sampled=1`,
        occurredAt: new Date(COMMIT).toISOString(),
        orgId: ORG,
        actor: USER,
        schemaVersion: 1,
      },
      data: {
        customer: expect.objectContaining({ customerId: ACCOUNT, name: "Acme" }),
        version: `${MODSTAMP}/00${COMMIT}/00${NOW}`,
      },
    });
  });

  test("redelivered it has the same event id, correlation and trace", async () => {
    const { deps, published } = setUp({ accounts: [account(ACCOUNT)] });
    await captureChanges(deliveries(changeOf()), deps);
    await captureChanges(deliveries(changeOf()), deps);
    expect(published[0]?.detail.metadata).toEqual(published[1]?.detail.metadata);
  });

  test.each(["DELETE", "GAP_DELETE", "GAP_UPDATE", "UNDELETE", "CREATE"])(
    "is changed whatever the event said: %s",
    async (changeType) => {
      const { deps, published } = setUp({ accounts: [account(ACCOUNT)] });
      await captureChanges(deliveries(changeOf({ changeType })), deps);
      expect(published.map(({ contract }) => contract.type)).toEqual(["customer.changed"]);
    },
  );
});

describe("a batch", () => {
  test("reads every touched account in one call, and emits one event for each", async () => {
    const { deps, published, reads } = setUp({ accounts: [account(ACCOUNT), account(OTHER_ACCOUNT)] });
    const newest = changeOf({ commitTimestamp: COMMIT + 1_000, transactionKey: "b" }, { id: "newest" });
    await captureChanges(deliveries(newest, changeOf(), changeOf({ recordIds: [OTHER_ACCOUNT] })), deps);
    expect(reads).toEqual([[ACCOUNT, OTHER_ACCOUNT]]);
    expect(published.map(idOf)).toEqual([ACCOUNT, OTHER_ACCOUNT]);
    expect(published[0]?.detail.metadata.causationId).toBe("newest");
  });

  test("of echoes asks Salesforce nothing", async () => {
    const { deps, published, reads } = setUp();
    const changeOrigin = `com/salesforce/api/rest/67.0;client=${CLIENT_NAME}`;
    const echo = changeOf({ changeOrigin, changedFields: ["Sync_State__c", "LastModifiedDate"] });
    expect(await captureChanges(deliveries(echo), deps)).toEqual([]);
    expect([reads, published]).toEqual([[], []]);
  });

  test("fails as a whole when the read fails, and marks every segment", async () => {
    const { deps, segments } = setUp({ readFails: new TransientError("SERVER_UNAVAILABLE", "down") });
    const failures = await captureChanges(deliveries(changeOf(), changeOf({ recordIds: [OTHER_ACCOUNT] })), deps);
    expect(summary(failures)).toEqual([
      ["m1", "TransientError", "SERVER_UNAVAILABLE"],
      ["m2", "TransientError", "SERVER_UNAVAILABLE"],
    ]);
    expect(segments.map(({ failed }) => failed)).toEqual([true, true]);
  });

  test("fails every message that named a failed record, and no other", async () => {
    const refuse = { [ACCOUNT]: new TransientError("ThrottlingException", "slow down") };
    const { deps } = setUp({ accounts: [account(ACCOUNT), account(OTHER_ACCOUNT)], refuse });
    const older = changeOf({ commitTimestamp: COMMIT - 1_000 });
    const batch = deliveries(changeOf(), changeOf({ recordIds: [OTHER_ACCOUNT] }), older);
    expect(summary(await captureChanges(batch, deps)).map(([id]) => id)).toEqual(["m1", "m3"]);
  });

  test("refuses changes of another organisation and asks nothing about them", async () => {
    const { deps, reads, published } = setUp({ accounts: [account(ACCOUNT)] });
    const source = "aws.partner/salesforce.com/00D000000000001EAA/0YL5f000000CabWGAS";
    const failures = await captureChanges(deliveries(changeOf({ changeType: "DELETE" }, { source })), deps);
    expect(summary(failures)).toEqual([["m1", "InvalidInputError", "OTHER_ORG"]]);
    expect([reads, published]).toEqual([[], []]);
  });
});

describe("an account that is not there", () => {
  test("is deleted as of the deletion's commit when the batch tells of one", async () => {
    const { deps, published, searches } = setUp();
    const later = changeOf({ commitTimestamp: COMMIT + 1_000 });
    await captureChanges(deliveries(changeOf({ changeType: "DELETE" }), later), deps);
    expect(published[0]).toMatchObject({
      contract: { type: "customer.deleted" },
      detail: { data: { customerId: ACCOUNT, orgId: ORG, version: `${MODSTAMP}/00${COMMIT + 1_000}/00${NOW}` } },
    });
    expect(searches).toEqual([]);
  });

  test("is looked for in the recycle bin when no deletion was told", async () => {
    const deletions = { [ACCOUNT]: { isDeleted: true, systemModstamp: "2026-09-21T15:00:00.000+0000" } };
    const { deps, published, searches } = setUp({ deletions });
    expect(await captureChanges(deliveries(changeOf()), deps)).toEqual([]);
    expect(searches).toEqual([[ACCOUNT]]);
    expect(published[0]).toMatchObject({ contract: { type: "customer.deleted" } });
    expect(published[0]?.detail.data).toMatchObject({ version: expect.stringMatching(/^2026-09-21T15:00:00.000Z\//) });
  });

  test("is parked with a reason when it is nowhere", async () => {
    const { deps, published } = setUp();
    const failures = await captureChanges(deliveries(changeOf()), deps);
    expect(summary(failures)).toEqual([["m1", "InvalidInputError", "ACCOUNT_GONE"]]);
    expect(messageOf(failures)).toContain(ACCOUNT);
    expect(published).toEqual([]);
  });

  test("is tried again when it came back meanwhile", async () => {
    const { deps } = setUp({ deletions: { [ACCOUNT]: { isDeleted: false, systemModstamp: MODSTAMP } } });
    expect(summary(await captureChanges(deliveries(changeOf()), deps))).toEqual([
      ["m1", "TransientError", "READ_RACE"],
    ]);
  });
});

describe("a message with several records", () => {
  const merged = changeOf({ recordIds: [ACCOUNT, OTHER_ACCOUNT, THIRD] });

  test("lets the good ones go on and fails with every bad one named", async () => {
    const bad = account(OTHER_ACCOUNT, { Billing_Email__c: "nonsense" });
    const { deps, published } = setUp({ accounts: [account(ACCOUNT), bad] });
    const failures = await captureChanges(deliveries(merged), deps);
    expect(published.map(idOf)).toEqual([ACCOUNT]);
    expect(summary(failures)).toEqual([["m1", "InvalidInputError", "RECORDS_FAILED"]]);
    const message = messageOf(failures);
    expect(message).toMatch(/^2 of 3 records failed/);
    expect(message).toContain(`${OTHER_ACCOUNT}: Account ${OTHER_ACCOUNT}: Billing_Email__c is not an e-mail address`);
    expect(message).toContain(THIRD);
  });

  test("is tried again as soon as one of its failures may pass, and waits as long as it was asked to", async () => {
    const refuse = {
      [ACCOUNT]: new InvalidInputError("EVENT_TOO_LARGE", "too large"),
      [OTHER_ACCOUNT]: new TransientError("InternalFailure", "later"),
      [THIRD]: new RateLimitedError("slow", "slow down", { retryAfterSeconds: 7 }),
    };
    const accounts = [ACCOUNT, OTHER_ACCOUNT, THIRD].map((id) => account(id));
    const limited = await captureChanges(deliveries(merged), setUp({ accounts, refuse }).deps);
    expect(limited[0]?.error).toMatchObject({ name: "RateLimitedError", retryAfterSeconds: 7 });
    const { [THIRD]: _unused, ...rest } = refuse;
    const transient = await captureChanges(deliveries(merged), setUp({ accounts, refuse: rest }).deps);
    expect(transient[0]?.error).toMatchObject({ name: "TransientError", code: "RECORDS_FAILED" });
  });

  test("of which one id is no id works the others and names it", async () => {
    const { deps, published } = setUp({ accounts: [account(ACCOUNT)] });
    const failures = await captureChanges(deliveries(changeOf({ recordIds: [ACCOUNT, "rubbish"] })), deps);
    expect(published.map(idOf)).toEqual([ACCOUNT]);
    expect(summary(failures)).toEqual([["m1", "InvalidInputError", "RECORDS_FAILED"]]);
    expect(messageOf(failures)).toMatch(/1 of 2 records failed: rubbish: /);
  });
});
