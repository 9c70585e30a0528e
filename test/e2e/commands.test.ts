import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { runFleetAt } from "../../cli/testing.ts";
import { type Account, expectInStep, startTestFleet, type TestFleet } from "../support/fleet.ts";
import { eventually } from "../support/wait.ts";

let fleet: TestFleet;

beforeAll(async () => {
  fleet = await startTestFleet();
}, 60_000);

afterAll(() => fleet?.stop());

/** The command line as a person runs it, who knows the endpoint and nothing else. */
const command = (...args: string[]) => runFleetAt(fleet.twin.origin, args);
const json = async (...args: string[]) => JSON.parse((await command(...args, "--json")).out);
const calls = (operation: string, input: object) => fleet.aws("events", operation, input);

/** Edits the one account, and waits until the edit has arrived everywhere, the account itself included. */
async function edit(phone: string): Promise<Account> {
  if ((await fleet.accounts()).length === 0) await fleet.salesforce("POST", "sobjects/Account", { Name: "Acme" });
  const [account] = (await fleet.accounts()) as [Account];
  await fleet.salesforce("PATCH", `sobjects/Account/${account.Id}`, { Phone: phone });
  await eventually(() => expectInStep(fleet));
  await emptied();
  return account;
}

/** Waits until nothing is on its way. */
async function emptied(): Promise<void> {
  await eventually(async () => {
    const { lines } = await json("status");
    const text = (name: string) => lines.find((line: { name: string }) => line.name === name).text;
    expect(text("queues")).toMatch(/^0 messages .*; 0 dead letters$/);
    expect(text("behind")).toBe("nobody waits");
  });
}

describe("a replay of the archive", () => {
  // Case 21.
  test("changes nothing, tells nobody again and writes nothing back anew", async () => {
    await edit("+1 555 0100");
    const account = await edit("+1 555 0101");
    const told = async () => (await fleet.slackTexts()).length;
    const record = () => fleet.salesforce("GET", `sobjects/Account/${account.Id}`);
    const before = [await told(), await record(), await fleet.stripeCustomers(), await fleet.stored()];
    const { Arn } = await calls("DescribeEventBus", { Name: fleet.ref("FleetBus") });
    const EventPattern = JSON.stringify({
      "detail-type": ["customer.synced"],
      detail: { metadata: { replayOf: [{ exists: true }] } },
    });
    await calls("CreateArchive", { ArchiveName: "repeated", EventSourceArn: Arn, EventPattern });

    expect(await command("replay", "--from", "1h")).toMatchObject({
      code: 0,
      out: expect.stringContaining("completed"),
    });
    await eventually(async () =>
      expect((await calls("DescribeArchive", { ArchiveName: "repeated" })).EventCount).toBeGreaterThan(0),
    );
    await emptied();
    expect([await told(), await record(), await fleet.stripeCustomers(), await fleet.stored()]).toEqual(before);
  }, 120_000);
});

test("a replay that names no rules, as the AWS CLI starts it, reaches customer-sync alone", async () => {
  await edit("+1 555 0104");
  const told = (await fleet.slackTexts()).length;
  const { Arn } = await calls("DescribeEventBus", { Name: fleet.ref("FleetBus") });
  const { ArchiveArn } = await calls("DescribeArchive", { ArchiveName: fleet.ref("FleetBus") });
  let runs = 0;
  fleet.kernel.on("activity", ({ operation }) => {
    if (operation === "StartSyncExecution") runs += 1;
  });
  const span = { EventStartTime: Date.now() / 1000 - 3600, EventEndTime: Date.now() / 1000 };
  await calls("StartReplay", { ReplayName: "raw", EventSourceArn: ArchiveArn, ...span, Destination: { Arn } });
  await eventually(async () => expect((await calls("DescribeReplay", { ReplayName: "raw" })).State).toBe("COMPLETED"));
  await eventually(() => expect(runs).toBeGreaterThan(0));
  await emptied();
  expect((await fleet.slackTexts()).slice(told)).toEqual([]);
}, 120_000);

test("a trace is found by whatever names its change", async () => {
  const account = await edit("+1 555 0102");
  const [item] = (await fleet.stored()).filter(({ customerId }) => customerId === account.Id);
  const [customer] = (await fleet.stripeCustomers()).filter(
    ({ metadata }) => metadata.salesforce_account_id === account.Id,
  );
  const logGroupName = `/aws/lambda/${fleet.ref("FlowsDashdispatchLambdaFunction")}`;
  const filterPattern = `{ $.correlationId = "${item?.correlationId}" && $.executionArn = * }`;
  const { events } = await fleet.aws("logs", "FilterLogEvents", { logGroupName, filterPattern });
  const { executionArn } = JSON.parse(events[0].message);
  const ids = [item?.correlationId as string, account.Id.slice(0, 15), customer?.id as string, executionArn];
  for (const id of ids) {
    const { code, out } = await command("trace", id);
    expect([id, code, out]).toEqual([id, 0, expect.stringContaining(`correlationId ${item?.correlationId}`)]);
  }
}, 120_000);

test("parked work that a newer version overtakes is closed by the reconciler, which is denied nothing", async () => {
  const fault = { method: "POST", path: "/v1/customers", status: 400 };
  const error = { type: "invalid_request_error", code: "email_invalid", message: "no", param: "email" };
  const body = JSON.stringify({ ...fault, body: { error } });
  await fetch(`${fleet.saas.stripe.url}/__emulator__/faults`, { method: "POST", body });
  const { id } = await fleet.salesforce<{ id: string }>("POST", "sobjects/Account", { Name: "Refused" });
  const found = async (status: string) => (await json("parked", "--customer", id, "--status", status)).items;
  await eventually(async () => expect(await found("parked")).toMatchObject([{ errorCode: "email_invalid" }]));
  await fleet.salesforce("PATCH", `sobjects/Account/${id}`, { Phone: "+1 555 0103" });
  await eventually(async () => expect(await found("superseded")).toHaveLength(1));
  await emptied();
  const logGroupName = `/aws/lambda/${fleet.ref("FlowsDashreconcileLambdaFunction")}`;
  const { events } = await fleet.aws("logs", "FilterLogEvents", {
    logGroupName,
    filterPattern: '{ $.level = "ERROR" }',
  });
  expect(events.map(({ message }: { message: string }) => JSON.parse(message).error)).toEqual([]);
});

test("parked work is seen, redriven, parked again as the same, and discarded", async () => {
  expect(await command("status")).toMatchObject({ code: 0, out: expect.stringContaining("All is well.") });
  await fleet.aws("sqs", "SendMessage", { QueueUrl: fleet.ref("CustomerSyncQueue"), MessageBody: "{" });
  const [first] = await eventually(async () => {
    const { items } = await json("parked");
    expect(items).toHaveLength(1);
    return items;
  });
  expect(first).toMatchObject({ errorName: "ContractError", hop: expect.stringMatching(/-customer-sync$/), tries: 1 });
  expect(await command("status")).toMatchObject({ code: 1, out: expect.stringContaining("✗ parked") });
  expect(await command("redrive", first.parkedId)).toMatchObject({ code: 0 });
  await eventually(async () => {
    const { items } = await json("parked");
    expect(items).toMatchObject([{ parkedId: first.parkedId, tries: 2 }]);
  });
  const { out } = await command("parked", "show", first.parkedId.slice(0, 8));
  expect(out).toMatch(/redriven +cli:/);
  expect(await command("discard", "--all", "--reason", "a test")).toMatchObject({ code: 0 });
  expect(await command("status")).toMatchObject({ code: 0 });
}, 120_000);
