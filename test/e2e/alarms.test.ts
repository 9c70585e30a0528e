import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { AwsError } from "../../local/aws/kernel/errors.ts";
import type { Fault } from "../../local/aws/kernel/kernel.ts";
import { expectInStep, startTestFleet, type TestFleet } from "../support/fleet.ts";
import { eventually } from "../support/wait.ts";

// The whole packaged fleet in trouble, with waits 150 times shorter: five minutes are two seconds.
let fleet: TestFleet;

beforeAll(async () => {
  fleet = await startTestFleet({ clockScale: 150 });
}, 120_000);

afterAll(() => fleet?.stop());

/** Lets calls fail for as long as the test runs it. */
function break_(fault: Omit<Fault, "times">): { mend(): void } {
  const entry: Fault = { ...fault, times: Number.MAX_SAFE_INTEGER };
  fleet.kernel.faults.push(entry);
  return {
    mend: () => {
      entry.times = 0;
    },
  };
}

async function expectState(alarmId: string, state: string): Promise<void> {
  await eventually(async () => {
    const { MetricAlarms } = await fleet.aws("monitoring", "DescribeAlarms", { AlarmNames: [fleet.ref(alarmId)] });
    expect([alarmId, MetricAlarms[0].StateValue]).toEqual([alarmId, state]);
  }, 60_000);
}

async function editAccount(name: string): Promise<void> {
  await fleet.salesforce("POST", "sobjects/Account", { Name: name, Phone: "+1 555 0100" });
}

const refused = new AwsError("ServiceUnavailable", "The service cannot answer now.", { status: 503 });

test("messages that nobody takes from their queue fire its alarm, which clears once they are taken", async () => {
  await expectState("CustomerSyncStaleAlarm", "OK");
  const queue = break_({ service: "sqs", operation: "ReceiveMessage", resource: "-customer-sync", error: refused });
  await editAccount("Waiting");
  await expectState("CustomerSyncStaleAlarm", "ALARM");
  queue.mend();
  await eventually(() => expectInStep(fleet), 60_000);
  await expectState("CustomerSyncStaleAlarm", "OK");
}, 180_000);

test("a function that crashes fires its alarm, which clears once it runs again", async () => {
  const crash = break_({ service: "dynamodb", operation: "UpdateItem", resource: "-customers", crash: true });
  const edits = setInterval(() => void editAccount("Crashing").catch(() => undefined), 500);
  try {
    await expectState("CustomersUpsertErrorsAlarm", "ALARM");
  } finally {
    clearInterval(edits);
    crash.mend();
  }
  await expectState("CustomersUpsertErrorsAlarm", "OK");
}, 180_000);

test("runs that keep failing fire the alarm of their state machine, which clears once they succeed", async () => {
  const invoke = break_({ service: "lambda", operation: "Invoke", resource: "customers-upsert", error: refused });
  const park = break_({ service: "dynamodb", operation: "PutItem", resource: "-parked", error: refused });
  const edits = setInterval(() => void editAccount("Failing").catch(() => undefined), 500);
  try {
    await expectState("CustomerSyncFailedAlarm", "ALARM");
  } finally {
    clearInterval(edits);
    invoke.mend();
    park.mend();
  }
  await expectState("CustomerSyncFailedAlarm", "OK");
}, 180_000);
