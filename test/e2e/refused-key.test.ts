import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { startTestFleet, type TestFleet } from "../support/fleet.ts";
import { eventually } from "../support/wait.ts";

const KEY_REFUSED = "connector-fleet-local-key-refused-billing";
/** A queue that nothing came through yet looks like a feed that is silent. */
const FEED_SILENT = "connector-fleet-local-feed-silent";

let fleet: TestFleet;

beforeAll(async () => {
  // As long as on AWS: an alarm of several minutes wants every minute's measure.
  fleet = await startTestFleet({ clockScale: 1 });
}, 60_000);

afterAll(() => fleet?.stop());

const putKey = (connection: object) =>
  fleet.aws("secretsmanager", "PutSecretValue", {
    SecretId: "connector-fleet/local/stripe",
    SecretString: JSON.stringify(connection),
  });

async function firing(): Promise<string[]> {
  const { MetricAlarms } = await fleet.aws("monitoring", "DescribeAlarms", { StateValue: "ALARM" });
  const names = MetricAlarms.map(({ AlarmName }: { AlarmName: string }) => AlarmName);
  return names.filter((name: string) => name !== FEED_SILENT);
}

test("a key that Stripe refuses: everything waits, one alarm calls, and all goes on when the secret is replaced", async () => {
  const { stripe } = fleet.saas.connections();
  await putKey({ ...stripe, apiKey: "rk_test_revoked" });
  await fleet.pass(360);
  expect(await firing()).toEqual([]);
  const ids = await Promise.all([1, 2, 3].map((n) => fleet.createAccount(`Waits ${n}`)));
  await eventually(async () => {
    await fleet.pass(30, 30);
    expect(await firing()).toEqual([KEY_REFUSED]);
  }, 90_000);
  // Longer than the alarm of an open breaker takes.
  await fleet.pass(480);
  expect(await firing()).toEqual([KEY_REFUSED]);
  expect(await fleet.stripeCustomers()).toEqual([]);

  await putKey(stripe);
  await fleet.pass(1200);
  await eventually(async () => {
    const billed = (await fleet.stripeCustomers()).map(({ metadata }) => metadata.salesforce_account_id);
    expect(billed.toSorted()).toEqual(ids.toSorted());
    expect(await firing()).toEqual([]);
  }, 90_000);
  expect(await fleet.parked()).toEqual([]);
}, 300_000);
