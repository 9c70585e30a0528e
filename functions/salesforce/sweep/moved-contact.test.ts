import { expect, test } from "@jest/globals";
import { newBench, startTables } from "./testing.ts";

const HOUR = 3_600_000;

test("a customer that lost its contact is found, although the event was lost and the new account was read since", async () => {
  const tables = await startTables();
  try {
    const { org, bench } = newBench(tables);
    const [old, next] = [org.create("Account"), org.create("Account")];
    const contact = org.create("Contact", { AccountId: old });
    await bench.capture(old);
    await bench.capture(next);
    org.time += HOUR;
    await bench.sweep({ entity: "Contact" });
    expect(bench.repaired).toEqual([]);
    org.time += HOUR;
    org.update(contact, { AccountId: next });
    await bench.capture(next);
    org.time += HOUR;
    await bench.sweep({ entity: "Contact" });
    expect(bench.repaired).toEqual([`changed ${old}`]);
    await bench.sync();
    expect((await tables.store.read(old))?.customer?.billingContact).toBeNull();
  } finally {
    await tables.close();
  }
});
