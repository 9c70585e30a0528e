import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { runFleetAt } from "../../cli/testing.ts";
import { startTestFleet, type TestFleet } from "../support/fleet.ts";
import { eventually } from "../support/wait.ts";

const PATIENCE_MS = 90_000;

let fleet: TestFleet;

beforeAll(async () => {
  fleet = await startTestFleet();
}, 60_000);

afterAll(() => fleet?.stop());

const edit = (id: string, fields: object) => fleet.salesforce("PATCH", `sobjects/Account/${id}`, fields);

/** Everything that people and systems have, when nothing is on its way and nobody is behind. */
async function everything() {
  await eventually(async () => {
    const { code, out } = await runFleetAt(fleet.twin.origin, ["status", "--json"]);
    const { lines } = JSON.parse(out);
    const textOf = (name: string) => lines.find((line: { name: string }) => line.name === name).text;
    expect([code, textOf("queues"), textOf("behind")]).toEqual([
      0,
      expect.stringMatching(/^0 messages /),
      "nobody waits",
    ]);
  }, PATIENCE_MS);
  const soql = "SELECT Id, Name, Phone, Sync_State__c, Sync_Time__c, Stripe_Customer_Id__c FROM Account ORDER BY Id";
  const { records } = await fleet.salesforce<{ records: object[] }>("GET", `query?q=${encodeURIComponent(soql)}`);
  return {
    accounts: records,
    stored: (await fleet.stored()).toSorted((a, b) => (a.customerId < b.customerId ? -1 : 1)),
    stripe: await fleet.stripeCustomers(),
    slack: await fleet.slackTexts(),
    parked: await fleet.parked(),
  };
}

// Case 21.
test("the archive of many changes, a deletion among them, is replayed twice: nothing changes and nobody is told again", async () => {
  const ids = await Promise.all([1, 2, 3, 4, 5].map((n) => fleet.createAccount(`Replayed ${n}`)));
  await everything();
  for (const phone of ["+1 555 0101", "+1 555 0102"]) for (const id of ids) await edit(id, { Phone: phone });
  await everything();
  await fleet.salesforce("DELETE", `sobjects/Account/${ids[4]}`);
  const before = await everything();
  expect(before.stored.filter(({ deleted }) => deleted)).toHaveLength(1);

  let runs = 0;
  fleet.kernel.on("activity", ({ operation }) => {
    if (operation === "StartSyncExecution") runs += 1;
  });
  for (const time of [1, 2]) {
    expect(await runFleetAt(fleet.twin.origin, ["replay", "--from", "1h"])).toMatchObject({ code: 0 });
    await eventually(() => expect(runs).toBeGreaterThanOrEqual(time * ids.length), PATIENCE_MS);
    expect(await everything()).toEqual(before);
  }
}, 240_000);
