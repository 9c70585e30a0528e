import { describe, expect, test } from "@jest/globals";
import type { EventContract } from "#shared/contracts/event.ts";
import { customerChanged, customerDeleted, customerSynced, customerSyncFailed } from "#shared/contracts/events.ts";
import { version } from "#shared/testing/customers-table.ts";
import { AwsError } from "../../local/aws/kernel/errors.ts";
import {
  type Answers,
  CUSTOMER_ID,
  changed,
  customer,
  deleted,
  failure,
  GIVE_UP_AFTER_SECONDS,
  metadata,
  NOW,
  ORG,
  type Outcome,
  runCustomerSync,
  stateNames,
  visited,
} from "./testing.ts";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

const stored = { outcome: "updated", version: version(1), customerId: CUSTOMER_ID };
const billed = { outcome: "created", stripeCustomerId: "cus_1", version: version(1) };
const happy = { customers: [stored], billing: [billed] };

/** The one emitted event, after its detail was held against its contract. */
function onlyEvent({ emitted }: Outcome, contract: EventContract) {
  expect(emitted).toHaveLength(1);
  const [event] = emitted;
  expect(event).toMatchObject({ type: contract.type, source: contract.source, bus: "fleet-bus" });
  expect(contract.detail.safeParse(event?.detail)).toMatchObject({ success: true });
  expect(event?.detail.metadata).toEqual({
    ...metadata,
    eventId: expect.stringMatching(UUID),
    occurredAt: expect.any(String),
    causationId: metadata.eventId,
  });
  return event?.detail.data;
}

/** Holds what a parked run must leave behind: the parked work, the event that says so, and the run's error. */
function expectParked(run: Outcome, state: string, error: { name: string; message: string }, input: unknown = changed) {
  expect(run.parked).toHaveLength(1);
  const [item] = run.parked;
  expect(item).toEqual({
    parkedId: expect.stringMatching(/^[0-9a-f]{32}$/),
    parking: item?.executionArn,
    executionArn: expect.stringMatching(/:express:/),
    orgId: metadata.orgId,
    version: (input as typeof changed).data.version,
    kind: "customer-sync",
    hop: `customer-sync/${state}`,
    input: expect.any(String),
    errorName: error.name,
    errorMessage: expect.stringContaining(error.message),
    correlationId: metadata.correlationId,
    customerId: CUSTOMER_ID,
    traceHeader: metadata.traceHeader,
    tries: 1,
    parkedAt: new Date(NOW).toISOString(),
  });
  expect(JSON.parse(item?.input ?? "")).toEqual(input);
  expect(onlyEvent(run, customerSyncFailed)).toEqual({
    customerId: CUSTOMER_ID,
    version: (input as typeof changed).data.version,
    parkedId: item?.parkedId,
    state,
    error: { name: error.name, message: expect.stringContaining(error.message) },
  });
  expect(run).toMatchObject({ status: "FAILED", error: "SyncFailed" });
  expect(run.cause).toBe(`Parked as ${item?.parkedId} after ${state} failed with ${error.name}`);
}

/** Holds that a run left its customer behind billing: nothing parked, nothing said, and the message is done. */
function expectBehind(run: Outcome) {
  expect(run.status).toBe("SUCCEEDED");
  expect(JSON.parse(run.output ?? "")).toEqual({ outcome: "behind", version: version(1) });
  expect([run.parked, run.emitted, run.givenUp]).toEqual([[], [], []]);
}

test("the inputs of this file are events of the fleet", () => {
  expect(customerChanged.detail.safeParse(changed)).toMatchObject({ success: true });
  expect(customerDeleted.detail.safeParse(deleted)).toMatchObject({ success: true });
});

describe("a run that works", () => {
  test("brings a change to store and billing and says so", async () => {
    const run = await runCustomerSync(changed, happy);
    expect(run.status).toBe("SUCCEEDED");
    expect(JSON.parse(run.output ?? "")).toEqual({ outcome: "synced", version: version(1), billing: billed });
    expect(run.calls).toEqual({ customers: [changed], billing: [changed], note: [] });
    expect(run.path).toEqual(["UpsertCustomer", "IsNewest", "UpsertBilling", "IsBilled", "EmitSynced"]);
    expect(onlyEvent(run, customerSynced)).toEqual({
      customerId: CUSTOMER_ID,
      version: version(1),
      change: "changed",
      store: "updated",
      billing: { outcome: "created", stripeCustomerId: "cus_1" },
    });
    expect(run.parked).toEqual([]);
  });

  test.each([[["phone"]], [["phone", "address.line1"]]])("says which fields billing adjusted: %j", async (adjusted) => {
    const run = await runCustomerSync(changed, { ...happy, billing: [{ ...billed, adjusted }] });
    expect(onlyEvent(run, customerSynced)).toMatchObject({
      billing: { outcome: "created", stripeCustomerId: "cus_1", adjusted },
    });
  });

  test("brings a deletion there, also of a customer that billing never knew", async () => {
    const run = await runCustomerSync(deleted, {
      customers: [{ ...stored, version: version(2) }],
      billing: [{ outcome: "none", stripeCustomerId: null, version: version(2) }],
    });
    expect(run.calls).toEqual({ customers: [deleted], billing: [deleted], note: [] });
    expect(onlyEvent(run, customerSynced)).toMatchObject({
      change: "deleted",
      version: version(2),
      billing: { outcome: "none", stripeCustomerId: null },
    });
  });

  test("ends early and quietly when a newer version is stored", async () => {
    const run = await runCustomerSync(changed, {
      customers: [{ ...stored, outcome: "superseded", version: version(9) }],
    });
    expect(run.status).toBe("SUCCEEDED");
    expect(JSON.parse(run.output ?? "")).toEqual({ outcome: "superseded", version: version(9) });
    expect(run.path).toEqual(["UpsertCustomer", "IsNewest", "Superseded"]);
    expect([run.calls.billing, run.emitted, run.parked]).toEqual([[], [], []]);
  });

  test("goes on to billing when the store had this very version already", async () => {
    const run = await runCustomerSync(changed, { ...happy, customers: [{ ...stored, outcome: "unchanged" }] });
    expect(onlyEvent(run, customerSynced)).toMatchObject({ store: "unchanged" });
  });
});

const CONNECTORS = [
  { state: "UpsertCustomer", connector: "customers", answer: stored, tries: 5 },
  { state: "UpsertBilling", connector: "billing", answer: billed, tries: 4 },
] as const;

// https://docs.aws.amazon.com/step-functions/latest/dg/sfn-best-practices.html#bp-lambda-serviceexception
const RETRIED = [
  failure("TransientError"),
  failure("Sandbox.Timedout"),
  failure("Runtime.ExitError"),
  new AwsError("TooManyRequestsException", "Rate exceeded", { status: 429 }),
  new AwsError("ServiceException", "Internal error", { status: 500 }),
  new AwsError("SdkClientException", "Connection reset"),
  new AwsError("AccessDeniedException", "Not yet, after a deploy"),
];
/** Only a person can decide about these. */
const FINAL = ["RejectedByTargetError", "InvalidInputError", "ContractError"];
/** No record's fault: a key that is refused, a permission of ours, a bad deploy. */
const WAITING = [
  failure("NotAuthorizedError", "key refused"),
  failure("TypeError", "undefined is not a function"),
  new AwsError("ResourceNotFoundException", "Function not found", { status: 404 }),
];

describe.each(CONNECTORS)("$state", ({ state, connector, answer, tries }) => {
  test.each(RETRIED.map((error) => [error instanceof AwsError ? error.code : error.name, error] as const))(
    "tries again after %s",
    async (_name, error) => {
      const run = await runCustomerSync(changed, { ...happy, [connector]: [error, answer] });
      expect(run.status).toBe("SUCCEEDED");
      expect(run.calls[connector]).toEqual([changed, changed]);
      expect(onlyEvent(run, customerSynced)).toBeDefined();
      expect(run.parked).toEqual([]);
    },
  );

  test("is timed out when it hangs, and tried again", async () => {
    const run = await runCustomerSync(changed, {
      ...happy,
      [connector]: [new Promise(() => undefined), answer],
      alter: (states) => {
        states[state].TimeoutSeconds = 1;
      },
    });
    expect(run.status).toBe("SUCCEEDED");
    expect(run.calls[connector]).toHaveLength(2);
  });

  test("gives up after its tries without parking anything", async () => {
    const run = await runCustomerSync(changed, { ...happy, [connector]: [failure("TransientError", "down")] });
    expect(run.calls[connector]).toHaveLength(tries);
    expect([run.parked, run.emitted]).toEqual([[], []]);
  });

  test.each(FINAL)("parks at once after %s", async (name) => {
    const run = await runCustomerSync(changed, { ...happy, [connector]: [failure(name, "no such plan"), answer] });
    expect(run.calls[connector]).toHaveLength(1);
    expectParked(run, state, { name, message: "no such plan" });
  });

  test("parks the code of the error too", async () => {
    const error = failure("RejectedByTargetError", "[email_invalid] Stripe refused it");
    const run = await runCustomerSync(changed, { ...happy, [connector]: [error] });
    expect(run.parked).toMatchObject([{ errorCode: "email_invalid", errorMessage: "Stripe refused it" }]);
    expect(run.emitted[0]?.detail.data.error).toEqual({ name: "RejectedByTargetError", message: "Stripe refused it" });
  });

  test("parks a deletion under its customer", async () => {
    const run = await runCustomerSync(deleted, { ...happy, [connector]: [failure("ContractError", "bad")] });
    expectParked(run, state, { name: "ContractError", message: "bad" }, deleted);
  });

  test("parks the same failure of the same version under the same id", async () => {
    const script = { ...happy, [connector]: [failure("ContractError", "bad")] };
    const runs = await Promise.all([runCustomerSync(changed, script), runCustomerSync(changed, script)]);
    expect(new Set(runs.flatMap(({ parked }) => parked.map(({ parkedId }) => parkedId))).size).toBe(1);
  });
});

describe("a customer that could not be stored", () => {
  const [refused, broken, missing] = WAITING;
  test.each([
    [failure("TransientError", "down"), "NotStored"],
    [broken, "NotStored"],
    // Nobody gives these up by age: a person has to allow something first.
    [refused, "NotAllowed"],
    [missing, "NotAllowed"],
    [new AwsError("AccessDeniedException", "may not invoke"), "NotAllowed"],
  ])("after %p ends the run as %s: the queue keeps the event", async (error, end) => {
    const run = await runCustomerSync(changed, { customers: [error] });
    expect(run).toMatchObject({ status: "FAILED", error: end });
    expect([run.parked, run.emitted, run.calls.note]).toEqual([[], [], []]);
  });
});

describe("a customer that could not be billed", () => {
  test.each([failure("TransientError", "down"), ...WAITING])(
    "stays behind after %p, with the reason",
    async (error) => {
      const run = await runCustomerSync(changed, { ...happy, billing: [error] });
      expectBehind(run);
      expect(run.failed).toHaveLength(1);
      expect(run.failed[0]?.message).toBeTruthy();
    },
  );

  test.each(["behind", "waiting"])("stays behind when billing answers %s, and nothing is noted", async (outcome) => {
    const run = await runCustomerSync(changed, { ...happy, billing: [{ outcome }] });
    expectBehind(run);
    expect([run.calls.billing.length, run.calls.note.length]).toEqual([1, 0]);
  });

  test.each([
    [GIVE_UP_AFTER_SECONDS, false],
    [GIVE_UP_AFTER_SECONDS + 1, true],
  ])("for %d seconds already is parked: %p", async (behindFor, parks) => {
    const run = await runCustomerSync(changed, { ...happy, billing: [failure("TransientError", "down")], behindFor });
    if (!parks) return expectBehind(run);
    expectParked(run, "UpsertBilling", { name: "TransientError", message: "down" });
    const [{ parkedId } = { parkedId: "" }] = run.parked;
    expect(run.givenUp).toEqual([{ target: "billing", parkedId, state: "UpsertBilling", version: version(1) }]);
  });

  test.each(WAITING)("for days by our own fault stays behind: %p", async (error) => {
    expectBehind(await runCustomerSync(changed, { ...happy, billing: [error], behindFor: 30 * 86_400 }));
  });

  test.each(WAITING)("for days by our own fault stays behind though others go through: %p", async (error) => {
    expectBehind(await runCustomerSync(changed, { ...happy, billing: [error], behindFor: 30 * 86_400, billedFor: 60 }));
  });

  test("for days of an outage that ended an hour ago stays behind", async () => {
    const billing = [failure("TransientError", "down")];
    expectBehind(await runCustomerSync(changed, { ...happy, billing, behindFor: 3 * 86_400, backFor: 3_600 }));
  });

  test("stays behind when not even that can be noted: the write that stored it has marked it", async () => {
    const note = [new AwsError("TooManyRequestsException", "Rate exceeded", { status: 429 })];
    const run = await runCustomerSync(changed, { ...happy, billing: [failure("RejectedByTargetError")], note });
    expectBehind(run);
    expect(run.calls.note).toHaveLength(4);
  });
});

describe("an odd failure", () => {
  test("with a very long cause is told in short", async () => {
    const run = await runCustomerSync(changed, { customers: [failure("ContractError", "x".repeat(5000))] });
    expectParked(run, "UpsertCustomer", { name: "ContractError", message: "x".repeat(1000) });
    expect(run.emitted[0]?.detail.data.error.message).toHaveLength(1001);
  });

  test.each([
    ["looks like a function's", '{"errorMessage": broken'],
    ["names no message", '{"a":"\\"errorMessage\\""}'],
    ["has a message that is no text", '{"errorMessage":{"deep":1}}'],
  ])("whose cause %s is told as it is", async (_what, cause) => {
    const run = await runCustomerSync(changed, {
      customers: [failure("RejectedByTargetError")],
      alter: (states) => {
        states.UpsertCustomer.Catch[0].Assign.failure.error = { Error: "RejectedByTargetError", Cause: cause };
      },
    });
    expectParked(run, "UpsertCustomer", { name: "RejectedByTargetError", message: cause });
  });

  test.each<[string, unknown]>([
    ["nothing in it", {}],
    ["nothing that is known", { a: 1 }],
    ["no object", "text"],
    ["ids that are no text", { metadata: { correlationId: 7 }, data: { customerId: { a: 1 } } }],
    ["a part of the metadata", { metadata: { eventId: "event-1", orgId: ORG }, data: null }],
  ])("of an input with %s is parked whole once, and told once", async (_what, input) => {
    const run = await runCustomerSync(input, { customers: [failure("ContractError")] });
    expect(run).toMatchObject({ status: "FAILED", error: "SyncFailed" });
    expect(run.parked).toMatchObject([{ customerId: "unknown", traceHeader: "none" }]);
    expect(JSON.parse(run.parked[0]?.input ?? "")).toEqual(input);
    expect(run.emitted).toHaveLength(1);
    expect(customerSyncFailed.detail.safeParse(run.emitted[0]?.detail)).toMatchObject({ success: true });
  });

  test("keeps every digit of an amount that JSON holds", async () => {
    const input = {
      ...changed,
      data: { ...changed.data, customer: { ...customer, creditLimit: JSON.parse("1234567890123456.78") } },
    };
    const run = await runCustomerSync(input, { customers: [failure("ContractError")] });
    expect(run.parked[0]?.input).toContain('"creditLimit":1234567890123456.8');
  });
});

describe("EmitSynced", () => {
  test.each<[string, unknown]>([
    ["an entry that the bus refuses", "entry"],
    ["EventBridge.InternalException", new AwsError("InternalException", "broken", { status: 500 })],
    ["EventBridge.SdkClientException", new AwsError("SdkClientException", "reset")],
    ["throttling", new AwsError("ThrottlingException", "Rate exceeded")],
  ])("tries again after %s", async (_what, error) => {
    const run = await runCustomerSync(changed, { ...happy, bus: { "customer.synced": [error, "fine"] } });
    expect(run.status).toBe("SUCCEEDED");
    expect(onlyEvent(run, customerSynced)).toMatchObject({ customerId: CUSTOMER_ID });
  });

  test.each<[string, Answers, Answers]>([
    ["the bus takes nothing", [billed], ["entry"]],
    ["an answer of billing makes no event", [{ outcome: "created" }], ["fine"]],
  ])("ends the run as NotSaid when %s: the queue hands the event out again", async (_what, billing, answers) => {
    const run = await runCustomerSync(changed, { customers: [stored], billing, bus: { "customer.synced": answers } });
    expect(run).toMatchObject({ status: "FAILED", error: "NotSaid" });
    expect([run.parked, run.emitted]).toEqual([[], []]);
    expect(run.calls.billing).toHaveLength(1);
  });
});

describe("NoteFailure", () => {
  const customers = [failure("RejectedByTargetError", "no")];
  const throttled = new AwsError("TooManyRequestsException", "slow down", { status: 429 });

  test("tries again", async () => {
    const run = await runCustomerSync(changed, { customers, note: [throttled, undefined] });
    expectParked(run, "UpsertCustomer", { name: "RejectedByTargetError", message: "no" });
  });

  test("that fails for good ends the run as NotStored, so that the queue keeps the event", async () => {
    const run = await runCustomerSync(changed, { customers, note: [throttled] });
    expect(run).toMatchObject({ status: "FAILED", error: "NotStored" });
    expect(run.path).toEqual(["UpsertCustomer", "NoteFailure", "IsStored", "NotStored"]);
    expect([run.parked, run.emitted]).toEqual([[], []]);
  });
});

describe("EmitSyncFailed", () => {
  const billing = [failure("RejectedByTargetError", "no")];

  test.each<[string, unknown]>([
    ["an entry that the bus refuses", "entry"],
    ["a denial", new AwsError("AccessDeniedException", "no")],
  ])("tries again after %s", async (_what, error) => {
    const bus = { "customer.sync-failed": [error, "fine"] };
    const run = await runCustomerSync(changed, { ...happy, billing, bus });
    expectParked(run, "UpsertBilling", { name: "RejectedByTargetError", message: "no" });
  });

  test("that fails for good ends the run as NotSaid: what is parked is always told", async () => {
    const run = await runCustomerSync(changed, { ...happy, billing, bus: { "customer.sync-failed": ["entry"] } });
    expect(run).toMatchObject({ status: "FAILED", error: "NotSaid" });
    expect(run.parked).toHaveLength(1);
    expect(run.emitted).toEqual([]);
  });
});

test("the cases above entered every state of the definition", () => {
  expect([...visited].sort()).toEqual([...stateNames].sort());
});
