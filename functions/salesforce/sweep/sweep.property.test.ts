import { afterAll, expect, test } from "@jest/globals";
import fc from "fast-check";
import { TransientError } from "#shared/errors.ts";
import { hashOf } from "#shared/hash.ts";
import { readCustomers } from "../mapping/snapshots.ts";
import type { SimulatedOrg } from "./simulated-org.ts";
import { failsAt, newBench, type SweepBench, startTables } from "./testing.ts";

const tables = await startTables();
afterAll(() => tables.close());

const VERBS = [
  ...(["create", "rename", "touch", "clear"] as const),
  ...(["remove", "restore", "removeForGood"] as const),
  ...(["contact", "moveContact"] as const),
];

/** One thing that happens in the organisation, and whether the live feed brings it. */
interface Happening {
  readonly verb: (typeof VERBS)[number];
  /** Which record, of those it can happen to. */
  readonly pick: number;
  readonly text: string;
  readonly lost: boolean;
  /** Milliseconds until then: often within the same second. */
  readonly pause: number;
}

const happening: fc.Arbitrary<Happening> = fc.record({
  verb: fc.constantFrom(...VERBS),
  pick: fc.nat(20),
  text: fc.constantFrom("Adatum", "Contoso", "Fabrikam"),
  lost: fc.boolean(),
  pause: fc.constantFrom(0, 0, 0, 300, 900, 2_000, 60_000, 3_600_000),
});
const round = fc.record({
  happenings: fc.array(happening, { minLength: 4, maxLength: 16 }),
  full: fc.boolean(),
  failEvery: fc.constantFrom(Number.POSITIVE_INFINITY, 3, 6),
});
const history = fc.record({
  rounds: fc.array(round, { minLength: 1, maxLength: 3 }),
  pageSize: fc.integer({ min: 2, max: 5 }),
  interrupted: fc.boolean(),
});

/** Lets something happen; the accounts whose customers it changes. */
function happen(org: SimulatedOrg, { verb, pick, text, pause }: Happening): string[] {
  org.time += pause;
  const one = (entity: string, ...places: Parameters<SimulatedOrg["idsOf"]>[1][]) => {
    const ids = places.flatMap((place) => org.idsOf(entity, place));
    return ids[pick % Math.max(1, ids.length)];
  };
  const [alive, contact] = [one("Account", "alive"), one("Contact", "alive")];
  const apply = (id: string | undefined, work: (id: string) => void) => {
    if (id) work(id);
    return id ? [id] : [];
  };
  if (verb === "create") return [org.create("Account", { Name: text })];
  if (verb === "rename") return apply(alive, (id) => org.update(id, { Name: text }));
  if (verb === "touch") return apply(alive, (id) => org.update(id)).slice(1);
  if (verb === "clear") return apply(alive, (id) => org.update(id, { Sync_State__c: null }));
  if (verb === "remove") return apply(alive, (id) => org.remove(id));
  if (verb === "restore") return apply(one("Account", "bin"), (id) => org.restore(id));
  if (verb === "removeForGood") return apply(one("Account", "alive", "bin"), (id) => org.removeForGood(id));
  if (verb === "contact" && alive) org.create("Contact", { AccountId: alive, Name: text });
  if (verb === "moveContact" && contact && alive) org.update(contact, { AccountId: alive });
  return alive && (verb === "contact" || contact) ? org.idsOf("Account", "alive") : [];
}

/** What a sweep of accounts must send into the sync, seen by looking at everything at once. */
async function differences(bench: SweepBench): Promise<string[]> {
  const { org } = bench;
  const ids = (["alive", "bin", "gone"] as const).flatMap((place) => org.idsOf("Account", place));
  const calls = org.calls.length;
  const snapshots = await readCustomers(bench.salesforce, ids, ["Sync_State__c"]);
  org.calls.length = calls;
  const stored = await tables.store.readMany(ids);
  return ids
    .flatMap((id) => {
      const [snapshot, record] = [snapshots.get(id), stored.get(id)];
      if (snapshot instanceof Error) throw snapshot;
      if (!snapshot) return record && !record.deleted ? [`deleted ${id}`] : [];
      const equal = record && !record.deleted && record.contentHash === hashOf(snapshot.customer);
      const told = !record?.links.stripe || snapshot.account.Sync_State__c === "synced";
      return equal && told ? [] : [`changed ${id}`];
    })
    .sort();
}

/** Runs a history; `sweep` is asked after every round. */
async function run(
  { rounds, pageSize, interrupted }: typeof history extends fc.Arbitrary<infer T> ? T : never,
  withContacts: boolean,
  sweep: (bench: SweepBench, full: boolean) => Promise<void>,
): Promise<void> {
  const { org, bench } = newBench(tables);
  org.pageSize = pageSize;
  bench.budgetMs = interrupted ? 0 : Number.POSITIVE_INFINITY;
  for (const { happenings, full, failEvery: every } of rounds) {
    org.fail = () => undefined;
    for (const one of happenings.filter(({ verb }) => withContacts || !/contact/i.test(verb))) {
      const touched = happen(org, one);
      if (!one.lost) for (const id of touched) await bench.capture(id);
    }
    const down = (number: number) => (failsAt(number, every) ? new TransientError("DOWN", "not now") : undefined);
    let publications = 0;
    org.fail = (_call, number) => down(number);
    bench.failPublish = () => {
      publications += 1;
      return down(publications);
    };
    await sweep(bench, full);
  }
}

test("a sweep sends exactly the differences into the sync, whatever was lost, in pages of any size, with any interruption", async () => {
  await fc.assert(
    fc.asyncProperty(history, (one) =>
      run(one, false, async (bench, full) => {
        bench.org.time += 10;
        const fail = bench.org.fail;
        bench.org.fail = () => undefined;
        const expected = await differences(bench);
        bench.org.fail = fail;
        await bench.sweep({ full, reason: "manual" });
        expect(bench.repaired).toEqual(expected);
        await bench.sync();
        bench.org.time += 10;
        await bench.sweep({ full, reason: "manual" });
        expect(bench.repaired).toEqual([]);
      }),
    ),
    { numRuns: 40 },
  );
}, 120_000);

test("sweeps of accounts and of contacts together leave the store equal", async () => {
  await fc.assert(
    fc.asyncProperty(history, (one) =>
      run(one, true, async (bench, full) => {
        for (const entity of ["Account", "Contact"]) {
          bench.org.time += 10;
          await bench.sweep({ entity, full, reason: "manual" });
          await bench.sync();
        }
        bench.org.fail = () => undefined;
        expect(await differences(bench)).toEqual([]);
      }),
    ),
    { numRuns: 40 },
  );
}, 120_000);
