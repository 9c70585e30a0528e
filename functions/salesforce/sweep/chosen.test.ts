import { afterAll, beforeEach, describe, expect, test } from "@jest/globals";
import { newBench, startTables } from "./testing.ts";

const HOUR = 3_600_000;
const tables = await startTables();
afterAll(() => tables.close());
let { org, bench } = newBench(tables);
beforeEach(() => {
  ({ org, bench } = newBench(tables));
});

describe("accounts that a request names", () => {
  test("are compared whenever they moved, and no others; what differs is sent into the sync", async () => {
    const [known, unknown, other] = [org.create("Account"), org.create("Account"), org.create("Account")];
    await bench.capture(known);
    org.time += 1000 * HOUR;
    const calls = org.calls.length;
    await bench.sweep({ reason: "manual", ids: [known, unknown, unknown] });
    expect(bench.repaired).toEqual([`changed ${unknown}`]);
    expect(bench.drift).toMatchObject({ compared: 2, missing: 1 });
    expect(org.calls.length - calls).toBeLessThanOrEqual(2);
    expect(await tables.store.read(other)).toBeUndefined();
  });

  test("are not told of when they are equal, and do not move the mark of the sweeps", async () => {
    const account = org.create("Account");
    await bench.capture(account);
    await bench.sweep({ reason: "manual" });
    org.time += HOUR;
    const lost = org.create("Account");
    org.time += HOUR;
    await bench.sweep({ reason: "manual", ids: [account] });
    expect(bench.published).toEqual([]);
    await bench.sweep();
    expect(bench.repaired).toEqual([`changed ${lost}`]);
  });

  test("are parked again while they cannot be used", async () => {
    const bad = org.create("Account", { Name: null });
    await bench.sweep({ reason: "manual", ids: [bad] });
    const [first] = [...bench.parked.values()];
    await bench.sweep({ reason: "manual", ids: [bad] });
    const [again, ...more] = [...bench.parked.values()];
    expect(more).toEqual([]);
    expect(again?.parkedId).toBe(first?.parkedId);
    expect(again?.parking).not.toBe(first?.parking);
  });

  test("cannot be contacts", async () => {
    const contact = org.create("Contact", {});
    await expect(bench.sweep({ entity: "Contact", ids: [contact] })).rejects.toMatchObject({ code: "UNKNOWN_ENTITY" });
  });
});
