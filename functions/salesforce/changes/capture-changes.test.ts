import { describe, expect, test } from "@jest/globals";
import { InvalidInputError, RateLimitedError, TargetUnavailableError, TransientError } from "#shared/errors.ts";
import { ACCOUNT, account, CLIENT_NAME, COMMIT, changeOf, ORG, OTHER_ACCOUNT, USER } from "../testing.ts";
import { captureChanges } from "./capture-changes.ts";
import { deliveries, idOf, messageOf, NOW, setUp, summary } from "./testing.ts";

const THIRD = "0016g00000MLhLeAAL";
const MODSTAMP = "2026-09-21T14:13:20.000Z";
const withAccounts = (...Account: Record<string, unknown>[]) => ({ records: { Account } });

describe("a change whose account is there", () => {
  test("becomes customer.changed with everything its way needs", async () => {
    const { deps, published, segments } = setUp(withAccounts(account(ACCOUNT)));
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
    const { deps, published } = setUp(withAccounts(account(ACCOUNT)));
    await captureChanges(deliveries(changeOf()), deps);
    await captureChanges(deliveries(changeOf()), deps);
    expect(published[0]?.detail.metadata).toEqual(published[1]?.detail.metadata);
  });

  test.each(["DELETE", "GAP_DELETE", "GAP_UPDATE", "UNDELETE", "CREATE"])(
    "is changed whatever the event said: %s",
    async (changeType) => {
      const { deps, published } = setUp(withAccounts(account(ACCOUNT)));
      await captureChanges(deliveries(changeOf({ changeType })), deps);
      expect(published.map(({ contract }) => contract.type)).toEqual(["customer.changed"]);
    },
  );
});

test("counts what the live feed brought, once for each change and without what the catch-up did", async () => {
  const { deps, counted } = setUp(withAccounts(account(ACCOUNT)));
  const caughtUp = changeOf({}, { source: `aws.partner/salesforce.com/${ORG}/catch-up` });
  const [first, second, third] = deliveries(changeOf(), caughtUp, changeOf());
  await captureChanges([first, second, { ...third, receiveCount: 2 }] as never, deps);
  expect([...counted]).toEqual([["ChangesByLiveFeed", 1]]);
  await captureChanges(deliveries(caughtUp), deps);
  expect([...counted]).toEqual([["ChangesByLiveFeed", 1]]);
});

describe("a batch", () => {
  test("reads every touched account in one call, and emits one event for each", async () => {
    const { deps, published, calls } = setUp(withAccounts(account(ACCOUNT), account(OTHER_ACCOUNT)));
    const newest = changeOf({ commitTimestamp: COMMIT + 1_000, transactionKey: "b" }, { id: "newest" });
    await captureChanges(deliveries(newest, changeOf(), changeOf({ recordIds: [OTHER_ACCOUNT] })), deps);
    expect(calls()).toEqual([
      expect.stringMatching(new RegExp(`^read Account .*: ${ACCOUNT},${OTHER_ACCOUNT}$`)),
      expect.stringMatching(/^query .* FROM Contact /),
    ]);
    expect(published.map(idOf)).toEqual([ACCOUNT, OTHER_ACCOUNT]);
    expect(published[0]?.detail.metadata.causationId).toBe("newest");
  });

  test("of echoes asks Salesforce nothing", async () => {
    const { deps, published, calls } = setUp();
    const changeOrigin = `com/salesforce/api/rest/67.0;client=${CLIENT_NAME}`;
    const echo = changeOf({ changeOrigin, changedFields: ["Sync_State__c", "LastModifiedDate"] });
    expect(await captureChanges(deliveries(echo), deps)).toEqual([]);
    expect([calls(), published]).toEqual([[], []]);
  });

  test("fails as a whole when the read fails, and marks every segment", async () => {
    const { deps, segments } = setUp({ fails: new TransientError("SERVER_UNAVAILABLE", "down") });
    const failures = await captureChanges(deliveries(changeOf(), changeOf({ recordIds: [OTHER_ACCOUNT] })), deps);
    expect(summary(failures)).toEqual([
      ["m1", "TransientError", "SERVER_UNAVAILABLE"],
      ["m2", "TransientError", "SERVER_UNAVAILABLE"],
    ]);
    expect(segments.map(({ failed }) => failed)).toEqual([true, true]);
  });

  test("fails every message that named a failed record, and no other", async () => {
    const refuse = { [ACCOUNT]: new TransientError("ThrottlingException", "slow down") };
    const { deps } = setUp({ ...withAccounts(account(ACCOUNT), account(OTHER_ACCOUNT)), refuse });
    const older = changeOf({ commitTimestamp: COMMIT - 1_000 });
    const batch = deliveries(changeOf(), changeOf({ recordIds: [OTHER_ACCOUNT] }), older);
    expect(summary(await captureChanges(batch, deps)).map(([id]) => id)).toEqual(["m1", "m3"]);
  });
});

describe("several organisations", () => {
  const SECOND_ORG = "00D000000000001EAA";
  const second = `aws.partner/salesforce.com/${SECOND_ORG}/0YL5f000000CabWGAS`;

  test("are read with their own connections and stay apart", async () => {
    const others = { [SECOND_ORG]: withAccounts(account(OTHER_ACCOUNT)) };
    const { deps, published, calls } = setUp({ ...withAccounts(account(ACCOUNT)), others });
    const batch = deliveries(changeOf(), changeOf({ recordIds: [OTHER_ACCOUNT] }, { source: second }));
    expect(await captureChanges(batch, deps)).toEqual([]);
    expect(published.map((event) => [idOf(event), event.detail.metadata.orgId])).toEqual([
      [ACCOUNT, ORG],
      [OTHER_ACCOUNT, SECOND_ORG],
    ]);
    expect([calls().length, calls(SECOND_ORG).length]).toEqual([2, 2]);
  });

  test("fail apart", async () => {
    const others = { [SECOND_ORG]: { fails: new TransientError("SERVER_UNAVAILABLE", "down") } };
    const { deps, published } = setUp({ ...withAccounts(account(ACCOUNT)), others });
    const failures = await captureChanges(deliveries(changeOf({}, { source: second }), changeOf()), deps);
    expect(summary(failures)).toEqual([["m1", "TransientError", "SERVER_UNAVAILABLE"]]);
    expect(published.map(idOf)).toEqual([ACCOUNT]);
  });

  test("fail apart when one has no usable mapping", async () => {
    const others = { [SECOND_ORG]: { connection: { mapping: "nowhere" } } };
    const { deps, published } = setUp({ ...withAccounts(account(ACCOUNT)), others });
    const failures = await captureChanges(deliveries(changeOf({}, { source: second }), changeOf()), deps);
    expect(summary(failures)).toEqual([["m1", "InvalidInputError", "UNKNOWN_MAPPING"]]);
    expect(published.map(idOf)).toEqual([ACCOUNT]);
  });

  test("an event that names none is of the first", async () => {
    const others = { [SECOND_ORG]: {} };
    const { deps, published } = setUp({ ...withAccounts(account(ACCOUNT)), others });
    const source = "aws.partner/appflow/salesforce.com/111122223333/flow";
    expect(await captureChanges(deliveries(changeOf({}, { source })), deps)).toEqual([]);
    expect(published[0]?.detail.metadata.orgId).toBe(ORG);
  });

  test("one that is not connected is refused and asked nothing", async () => {
    const { deps, calls, published } = setUp(withAccounts(account(ACCOUNT)));
    const failures = await captureChanges(deliveries(changeOf({ changeType: "DELETE" }, { source: second })), deps);
    expect(summary(failures)).toEqual([["m1", "InvalidInputError", "OTHER_ORG"]]);
    expect([calls(), published]).toEqual([[], []]);
  });
});

describe("an account that is not there", () => {
  test("is deleted as of the deletion's commit when the batch tells of one", async () => {
    const { deps, published, calls } = setUp();
    const later = changeOf({ commitTimestamp: COMMIT + 1_000 });
    await captureChanges(deliveries(changeOf({ changeType: "DELETE" }), later), deps);
    expect(published[0]).toMatchObject({
      contract: { type: "customer.deleted" },
      detail: { data: { customerId: ACCOUNT, orgId: ORG, version: `${MODSTAMP}/00${COMMIT + 1_000}/00${NOW}` } },
    });
    expect(calls()).toHaveLength(1);
  });

  test("is looked for in the recycle bin when no deletion was told", async () => {
    const binned = account(ACCOUNT, { IsDeleted: true, SystemModstamp: "2026-09-21T15:00:00.000+0000" });
    const { deps, published, calls } = setUp(withAccounts(binned));
    expect(await captureChanges(deliveries(changeOf()), deps)).toEqual([]);
    expect(calls()[1]).toBe(`findDeleted Account: ${ACCOUNT}`);
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
    const { deps } = setUp(withAccounts(account(ACCOUNT)));
    const salesforce = { ...deps.orgs.salesforce(ORG), readRecords: async () => new Map() };
    const racing = { ...deps, orgs: { ids: [ORG], salesforce: () => salesforce } };
    expect(summary(await captureChanges(deliveries(changeOf()), racing))).toEqual([
      ["m1", "TransientError", "READ_RACE"],
    ]);
  });
});

describe("a message with several records", () => {
  const merged = changeOf({ recordIds: [ACCOUNT, OTHER_ACCOUNT, THIRD] });

  test("lets the good ones go on and fails with every bad one named", async () => {
    const bad = account(OTHER_ACCOUNT, { Name: null });
    const { deps, published } = setUp(withAccounts(account(ACCOUNT), bad));
    const failures = await captureChanges(deliveries(merged), deps);
    expect(published.map(idOf)).toEqual([ACCOUNT]);
    expect(summary(failures)).toEqual([["m1", "InvalidInputError", "RECORDS_FAILED"]]);
    const message = messageOf(failures);
    expect(message).toMatch(/^2 of 3 records failed/);
    expect(message).toContain(`${OTHER_ACCOUNT}: Account ${OTHER_ACCOUNT}: Name is empty`);
    expect(message).toContain(THIRD);
  });

  test("waits as long as a target is away when no call was made for any of them", async () => {
    const away = new TargetUnavailableError("BREAKER_OPEN", "no call", { retryAfterSeconds: 41 });
    const refuse = { [ACCOUNT]: away, [OTHER_ACCOUNT]: away };
    const accounts = [ACCOUNT, OTHER_ACCOUNT, THIRD].map((id) => account(id));
    const failures = await captureChanges(deliveries(merged), setUp({ ...withAccounts(...accounts), refuse }).deps);
    expect(failures[0]?.error).toMatchObject({ name: "TargetUnavailableError", retryAfterSeconds: 41 });
  });

  test("is tried again as soon as one of its failures may pass, and waits as long as it was asked to", async () => {
    const refuse = {
      [ACCOUNT]: new InvalidInputError("EVENT_TOO_LARGE", "too large"),
      [OTHER_ACCOUNT]: new TransientError("InternalFailure", "later"),
      [THIRD]: new RateLimitedError("slow", "slow down", { retryAfterSeconds: 7 }),
    };
    const accounts = [ACCOUNT, OTHER_ACCOUNT, THIRD].map((id) => account(id));
    const limited = await captureChanges(deliveries(merged), setUp({ ...withAccounts(...accounts), refuse }).deps);
    expect(limited[0]?.error).toMatchObject({ name: "RateLimitedError", retryAfterSeconds: 7 });
    const { [THIRD]: _unused, ...rest } = refuse;
    const transient = await captureChanges(
      deliveries(merged),
      setUp({ ...withAccounts(...accounts), refuse: rest }).deps,
    );
    expect(transient[0]?.error).toMatchObject({ name: "TransientError", code: "RECORDS_FAILED" });
  });

  test("of which one id is no id works the others and names it", async () => {
    const { deps, published } = setUp(withAccounts(account(ACCOUNT)));
    const failures = await captureChanges(deliveries(changeOf({ recordIds: [ACCOUNT, "rubbish"] })), deps);
    expect(published.map(idOf)).toEqual([ACCOUNT]);
    expect(summary(failures)).toEqual([["m1", "InvalidInputError", "RECORDS_FAILED"]]);
    expect(messageOf(failures)).toMatch(/1 of 2 records failed: rubbish: /);
  });
});
