import { afterEach, expect, test } from "@jest/globals";
import { AwsError } from "../../local/aws/kernel/errors.ts";
import { packagedTemplate, startTestFleet, type TestFleet } from "../support/fleet.ts";
import { eventually } from "../support/wait.ts";

const SCALE = 10;
const QUARTER_HOUR_MS = (15 * 60_000) / SCALE;

let fleet: TestFleet;

afterEach(() => fleet?.stop());

/** A fleet whose dispatcher notices crashes as on AWS, and dies with every run whose input `isFatal`. */
async function startFragileFleet(isFatal: (input: string) => boolean): Promise<TestFleet> {
  const template = await packagedTemplate();
  const { Variables } = template.Resources.FlowsDashdispatchLambdaFunction.Properties.Environment;
  Variables.RUN_SECONDS = "135";
  const started = await startTestFleet({ clockScale: SCALE, template });
  const { kernel } = started;
  const call = kernel.call.bind(kernel);
  kernel.call = async (service, operation, input, context) => {
    if (operation === "StartSyncExecution" && isFatal((input as { input: string }).input)) {
      kernel.emit("crash", context.principal);
      throw new AwsError("InternalFailure", "Nobody hears this any more.", { status: 500 });
    }
    return call(service, operation, input, context);
  };
  return started;
}

async function expectStored(ids: readonly string[]): Promise<void> {
  const stored = (await fleet.stored()).map(({ customerId }) => customerId);
  expect(stored).toEqual(expect.arrayContaining([...ids]));
}

test("a message that kills its worker every time is parked within 15 minutes, and takes nobody along", async () => {
  fleet = await startFragileFleet((input) => input.includes("Poison"));
  const begin = Date.now();
  const ids = [await fleet.createAccount("Healthy 1"), await fleet.createAccount("Healthy 2")];
  const poison = await fleet.createAccount("Poison");
  ids.push(await fleet.createAccount("Healthy 3"), await fleet.createAccount("Healthy 4"));
  const parked = await eventually(async () => {
    const items = await fleet.parked();
    expect(items).toHaveLength(1);
    return items[0];
  }, QUARTER_HOUR_MS);
  expect(Date.now() - begin).toBeLessThan(QUARTER_HOUR_MS);
  expect(parked).toMatchObject({
    errorName: "ConsumerCrashed",
    hop: expect.stringMatching(/customer-sync$/),
    input: expect.stringContaining(poison),
    errorMessage: expect.stringContaining("with nothing else to do"),
  });
  ids.push(await fleet.createAccount("Healthy 5"));
  await eventually(() => expectStored(ids), 60_000);
  expect(await fleet.parked()).toHaveLength(1);
}, 240_000);

test("when every run kills its worker nothing is parked, and after the mend all goes on", async () => {
  let isBroken = true;
  let deaths = 0;
  fleet = await startFragileFleet(() => {
    if (isBroken) deaths += 1;
    return isBroken;
  });
  const ids: string[] = [];
  for (let n = 1; n <= 6; n += 1) ids.push(await fleet.createAccount(`Account ${n}`));
  await eventually(() => expect(deaths).toBeGreaterThanOrEqual(8), 180_000);
  expect([await fleet.parked(), await fleet.stored()]).toEqual([[], []]);
  isBroken = false;
  await eventually(() => expectStored(ids), 180_000);
  expect(await fleet.parked()).toEqual([]);
}, 480_000);
