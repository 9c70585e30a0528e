import { describe, expect, test } from "@jest/globals";
import type { EventContract } from "#shared/contracts/event.ts";
import { customerChanged, customerDeleted, customerSynced, customerSyncFailed } from "#shared/contracts/events.ts";
import { version } from "#shared/testing/customers-table.ts";
import { AwsError } from "../../local/aws/kernel/errors.ts";
import { failure, type Outcome, runCustomerSync, stateNames, visited } from "./testing.ts";

const CUSTOMER_ID = "0015f00002J9YaUAAV";
const ORG = "00D5f000005KcCnEAK";
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

const metadata = {
  eventId: "event-1",
  occurredAt: "2026-01-01T00:00:00.000Z",
  correlationId: "correlation-1",
  causationId: "event-0",
  traceHeader: "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
  orgId: ORG,
  actor: "0055f000005mc66AAA",
  schemaVersion: 1,
};
const customer = {
  customerId: CUSTOMER_ID,
  orgId: ORG,
  name: 'Zoë & "Söhne"',
  email: "pay@acme.example",
  phone: null,
  address: null,
  plan: "gold",
};
const changed = { type: "customer.changed", metadata, data: { customer, version: version(1) } };
const deleted = {
  type: "customer.deleted",
  metadata,
  data: { customerId: CUSTOMER_ID, orgId: ORG, version: version(2) },
};
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

/** Holds what a failed run must leave behind: the parked work, the event that says so, and the run's error. */
function expectParked(run: Outcome, state: string, error: { name: string; message: string }, input: unknown = changed) {
  expect(run.parked).toHaveLength(1);
  const [item] = run.parked;
  expect(item).toEqual({
    parkedId: expect.stringMatching(UUID),
    part: "0",
    parts: "1",
    kind: "customer-sync",
    hop: `customer-sync/${state}`,
    input: expect.any(String),
    errorName: error.name,
    errorMessage: expect.stringContaining(error.message),
    correlationId: metadata.correlationId,
    customerId: CUSTOMER_ID,
    traceHeader: metadata.traceHeader,
    executionArn: run.executionArn,
    tries: "1",
    parkedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    status: "parked",
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

test("the inputs of this file are events of the fleet", () => {
  expect(customerChanged.detail.safeParse(changed)).toMatchObject({ success: true });
  expect(customerDeleted.detail.safeParse(deleted)).toMatchObject({ success: true });
});

describe("a run that works", () => {
  test("brings a change to store and billing and says so", async () => {
    const run = await runCustomerSync(changed, happy);
    expect(run.status).toBe("SUCCEEDED");
    expect(JSON.parse(run.output ?? "")).toEqual({ outcome: "synced", version: version(1), billing: billed });
    expect(run.calls).toEqual({ customers: [changed], billing: [changed] });
    expect(run.path).toEqual(["UpsertCustomer", "IsNewest", "UpsertBilling", "EmitSynced"]);
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
    expect(run.calls).toEqual({ customers: [deleted], billing: [deleted] });
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
  { state: "UpsertBilling", connector: "billing", answer: billed, tries: 6 },
] as const;

// https://docs.aws.amazon.com/step-functions/latest/dg/sfn-best-practices.html#bp-lambda-serviceexception
const RETRIED = [
  failure("TransientError"),
  failure("RateLimitedError"),
  failure("Sandbox.Timedout"),
  failure("Runtime.ExitError"),
  new AwsError("TooManyRequestsException", "Rate exceeded", { status: 429 }),
  new AwsError("ServiceException", "Internal error", { status: 500 }),
  new AwsError("SdkClientException", "Connection reset"),
  new AwsError("AccessDeniedException", "Not yet, after a deploy"),
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

  test("gives up after its tries and parks the work", async () => {
    const run = await runCustomerSync(changed, { ...happy, [connector]: [failure("TransientError", "down")] });
    expect(run.calls[connector]).toHaveLength(tries);
    expectParked(run, state, { name: "TransientError", message: "down" });
  });

  test.each(["RejectedByTargetError", "InvalidInputError", "NotAuthorizedError", "ContractError", "TypeError"])(
    "parks at once after %s",
    async (name) => {
      const run = await runCustomerSync(changed, { ...happy, [connector]: [failure(name, "no such plan"), answer] });
      expect(run.calls[connector]).toHaveLength(1);
      expectParked(run, state, { name, message: "no such plan" });
      expect(run.emitted[0]?.detail.data.error.message).toBe("no such plan");
    },
  );

  test("parks a deletion under its customer", async () => {
    const run = await runCustomerSync(deleted, { ...happy, [connector]: [failure("ContractError", "bad")] });
    expectParked(run, state, { name: "ContractError", message: "bad" }, deleted);
  });
});

describe("an odd failure", () => {
  test("without a cause says so", async () => {
    const run = await runCustomerSync(changed, {
      customers: [new Promise(() => undefined)],
      alter: (states) => {
        states.UpsertCustomer.TimeoutSeconds = 1;
        delete states.UpsertCustomer.Retry;
      },
    });
    expectParked(run, "UpsertCustomer", { name: "States.Timeout", message: "no cause given" });
  });

  test("of the service has its cause as it is", async () => {
    const missing = new AwsError("ResourceNotFoundException", "Function not found", { status: 404 });
    const run = await runCustomerSync(changed, { customers: [missing] });
    expectParked(run, "UpsertCustomer", {
      name: "Lambda.ResourceNotFoundException",
      message: "Function not found (Service: AWSLambda; Status Code: 404",
    });
  });

  test("with a very long cause is parked whole and told in short", async () => {
    const run = await runCustomerSync(changed, { customers: [failure("ContractError", "x".repeat(5000))] });
    expectParked(run, "UpsertCustomer", { name: "ContractError", message: "x".repeat(1000) });
    expect(run.parked[0]?.errorMessage?.length).toBeGreaterThan(5000);
    expect(run.emitted[0]?.detail.data.error.message).toHaveLength(1000);
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
    ["no object", "text"],
    ["ids that are no text", { metadata: { correlationId: 7 }, data: { customerId: { a: 1 } } }],
  ])("of an input with %s is parked whole under unknown ids", async (_what, input) => {
    const run = await runCustomerSync(input, { customers: [failure("ContractError")] });
    expect(run).toMatchObject({ status: "FAILED", error: "SyncFailed" });
    expect(run.parked).toMatchObject([{ correlationId: "unknown", customerId: "unknown", traceHeader: "none" }]);
    const text = run.parked[0]?.input ?? "";
    expect(typeof input === "string" ? text : JSON.parse(text)).toEqual(input);
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

  test("parks what could not be said, for good", async () => {
    const run = await runCustomerSync(changed, { ...happy, bus: { "customer.synced": ["entry"] } });
    expectParked(run, "EmitSynced", { name: "EventBridge.FailedEntry", message: "InternalFailure" });
    expect(run.calls.billing).toHaveLength(1);
  });

  test("parks an answer of billing that makes no event", async () => {
    const run = await runCustomerSync(changed, { customers: [stored], billing: [{ outcome: "created" }] });
    expectParked(run, "EmitSynced", { name: "States.QueryEvaluationError", message: "stripeCustomerId" });
  });
});

describe("ParkWork", () => {
  const customers = [failure("RejectedByTargetError", "no")];
  const throttled = new AwsError("ProvisionedThroughputExceededException", "slow down");

  test("tries again, with the same id", async () => {
    const run = await runCustomerSync(changed, { customers, table: [throttled, "fine"] });
    expectParked(run, "UpsertCustomer", { name: "RejectedByTargetError", message: "no" });
    expect(new Set(run.putTries.map(({ parkedId }) => parkedId)).size).toBe(1);
    expect(run.putTries).toHaveLength(2);
  });

  test("that fails for good ends the run as NotParked, so that the queue keeps the event", async () => {
    const run = await runCustomerSync(changed, { customers, table: [throttled] });
    expect(run).toMatchObject({
      status: "FAILED",
      error: "NotParked",
      cause:
        "Parking failed with DynamoDB.ProvisionedThroughputExceededException after UpsertCustomer failed with RejectedByTargetError",
    });
    expect(run.path).toEqual(["UpsertCustomer", "ParkWork", "NotParked"]);
    expect(run.putTries).toHaveLength(5);
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

  test("that fails for good still ends as SyncFailed with the work parked", async () => {
    const run = await runCustomerSync(changed, { ...happy, billing, bus: { "customer.sync-failed": ["entry"] } });
    expect(run).toMatchObject({ status: "FAILED", error: "SyncFailed" });
    expect(run.path.slice(-3)).toEqual(["ParkWork", "EmitSyncFailed", "SyncFailed"]);
    expect(run.parked).toHaveLength(1);
    expect(run.emitted).toEqual([]);
  });
});

test("the cases above entered every state of the definition", () => {
  expect([...visited].sort()).toEqual([...stateNames].sort());
});
