import { appendFile, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { requireType } from "../schema.ts";
import { EventLog } from "./event-log.ts";
import { openJournal } from "./journal.ts";
import { type Entry, Store } from "./store.ts";
import { Table } from "./table.ts";

const account = requireType("Account");
const record = (Id: string, Name: string | null = null) => ({ Id, Name, IsDeleted: false });

describe("the event log", () => {
  const steps = fc.array(fc.record({ step: fc.integer({ min: 1, max: 20 }), wait: fc.nat(100) }), { maxLength: 60 });

  test("finds places as a scan does, also after the old ones have left", () => {
    fc.assert(
      fc.property(steps, fc.nat(1300), fc.nat(3000), (appended, probe, horizon) => {
        const log = new EventLog();
        let last = { replayId: 0, at: 0 };
        const kept = appended.map(({ step, wait }) => {
          last = { replayId: last.replayId + step, at: last.at + wait };
          log.append(last);
          return last;
        });
        log.dropBefore(horizon);
        const expected = kept.filter(({ at }) => at >= horizon);
        expect(log.all()).toEqual(expected);
        expect([log.size, log.last]).toEqual([expected.length, expected.at(-1)]);
        expect(log.after(probe)).toEqual(expected.find(({ replayId }) => replayId > probe));
        expect(log.slice(probe, 3)).toEqual(expected.filter(({ replayId }) => replayId > probe).slice(0, 3));
        expect(log.has(probe)).toBe(expected.some(({ replayId }) => replayId === probe));
      }),
    );
  });

  test("stays quick with 200,000 events", () => {
    const log = new EventLog();
    const began = performance.now();
    for (let index = 0; index < 200_000; index += 1) log.append({ replayId: index * 7, at: index });
    let found = 0;
    for (let index = 0; index < 200_000; index += 1) found += log.after(index * 7 - 1)?.replayId === index * 7 ? 1 : 0;
    for (let instant = 0; instant < 200_000; instant += 10) log.dropBefore(instant);
    expect([found, log.size]).toEqual([200_000, 10]);
    expect(performance.now() - began).toBeLessThan(5000);
  });
});

test("an index of a table answers as a scan does, whatever was put and removed", () => {
  const change = fc.tuple(fc.constantFrom("1", "2", "3", "4"), fc.constantFrom("A", "a", "B", null, undefined));
  fc.assert(
    fc.property(fc.array(change), (changes) => {
      const table = new Table();
      table.lookup("Name", "a");
      for (const [id, name] of changes) {
        if (name === undefined) table.remove(id);
        else table.put(record(id, name));
      }
      for (const value of ["a", "B", null])
        expect(table.lookup("Name", value).sort(byId)).toEqual(
          table
            .all()
            .filter(({ Name }) => fold(Name) === fold(value))
            .sort(byId),
        );
    }),
  );
});

describe("the journal", () => {
  let folder: string;
  let path: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "journal-"));
    path = join(folder, "org.journal");
  });
  afterEach(() => rm(folder, { recursive: true }));

  const entries: Entry[] = [
    { put: { Account: [record("001A", "One")] }, sequences: { "001": 1 } },
    { log: [{ replayId: 5, at: 1 }], replayId: 5, commitNumber: "1745500706683617299" },
    { put: { Account: [record("001A", "Two"), record("001B")] } },
    { purge: [{ entityName: "Account", id: "001B", deletedDate: "2026-11-22T10:00:00.000Z" }] },
  ];
  const seen = (store: Store) => [
    store.table(account).all(),
    store.sequence("001"),
    store.log.all(),
    store.replayId,
    store.commitNumber,
    store.purges,
  ];

  test("gives back what was there when flush resolved", async () => {
    const journal = await openJournal(path);
    for (const entry of entries) journal.store.apply(entry);
    await Promise.all([journal.flush(), journal.flush()]);
    const again = await openJournal(path);
    expect(seen(again.store)).toEqual(seen(journal.store));
    expect(again.store.table(account).all()).toEqual([record("001A", "Two")]);
    await Promise.all([journal.close(), again.close()]);
  });

  test("costs a commit what it changed, and shrinks when it has grown beyond what it needs", async () => {
    const journal = await openJournal(path, 20_000);
    for (let index = 0; index < 1000; index += 1) journal.store.apply({ put: { Account: [record(`001${index}`)] } });
    await journal.flush();
    const before = (await stat(path)).size;
    journal.store.apply({ put: { Account: [record("001x")] } });
    await journal.flush();
    expect((await stat(path)).size - before).toBeLessThan(200);
    for (let round = 0; round < 400; round += 1) {
      journal.store.apply({
        put: { Account: Array.from({ length: 10 }, (_none, index) => record(`001${index}`, "new")) },
      });
      await journal.flush();
    }
    expect((await stat(path)).size).toBeLessThan(3 * before + 20_000);
    const again = await openJournal(path);
    expect(again.store.table(account).size).toBe(1001);
    await Promise.all([journal.close(), again.close()]);
  });

  test("leaves out a last line that was cut off, and refuses a broken one before it", async () => {
    const journal = await openJournal(path);
    for (const entry of entries) journal.store.apply(entry);
    await journal.close();
    await appendFile(path, '{"put":{"Acc');
    const again = await openJournal(path);
    expect(seen(again.store)).toEqual(seen(journal.store));
    await again.close();
    const [first, ...rest] = (await readFile(path, "utf8")).split("\n");
    await writeFile(path, [first, "{oops", ...rest].join("\n"));
    await expect(openJournal(path)).rejects.toThrow(`Line 2 of the saved state in ${path} is not JSON`);
  });

  test("follows another store from the moment on that it replaces the old one", async () => {
    const journal = await openJournal(path);
    for (const entry of entries) journal.store.apply(entry);
    const old = journal.store;
    await journal.replace(new Store());
    old.apply({ put: { Account: [record("001Z")] } });
    journal.store.apply({ put: { Account: [record("001N")] } });
    await journal.close();
    const again = await openJournal(path);
    expect(again.store.table(account).all()).toEqual([record("001N")]);
    await again.close();
  });
});

function fold(value: unknown): unknown {
  return typeof value === "string" ? value.toLowerCase() : value;
}

function byId(left: { Id?: unknown }, right: { Id?: unknown }): number {
  return String(left.Id).localeCompare(String(right.Id));
}
