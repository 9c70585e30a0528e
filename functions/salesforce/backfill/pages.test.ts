import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { TransientError } from "#shared/errors.ts";
import type { BulkJob, BulkPage } from "../client/types.ts";
import { isDone, storePage } from "./pages.ts";

const request = { jobId: "750", locator: null, number: 1, pageSize: 2, folder: "backfill-1" };

/** A result in the pages given, and a bucket. */
function setUp(pages: Readonly<Record<string, Partial<BulkPage>>>, putFails?: Error) {
  const objects = new Map<string, string>();
  const asked: unknown[] = [];
  const bulk = {
    readPage: async (jobId: string, page: { locator?: string | undefined; maxRecords: number }) => {
      asked.push([jobId, page.locator, page.maxRecords]);
      return { csv: "", records: 0, locator: undefined, ...pages[page.locator ?? "first"] };
    },
  };
  const store = async (number: number, locator: string | null) =>
    storePage({ ...request, number, locator }, { bulk } as never, {
      put: async (key, body) => {
        if (putFails) throw putFails;
        objects.set(key, body);
      },
    });
  return { store, objects, asked };
}

const csv = (...rows: string[]) => ["Id,SystemModstamp", ...rows, ""].join("\n");

describe("a page", () => {
  test("lies in the bucket as JSON lines, and says where the next one begins", async () => {
    const { store, objects, asked } = setUp({
      first: { csv: csv('"001A","2026-01-01T00:00:00.000Z"', "001B,2026-01-02T00:00:00.000Z"), locator: "MTAw" },
      MTAw: { csv: csv("001C,2026-01-03T00:00:00.000Z") },
    });
    const first = await store(1, null);
    expect(first).toEqual({ number: 1, records: 2, key: "backfill-1/000001.jsonl", locator: "MTAw" });
    const last = await store(2, "MTAw");
    expect(last).toEqual({ number: 2, records: 1, key: "backfill-1/000002.jsonl" });
    expect(asked).toEqual([
      ["750", undefined, 2],
      ["750", "MTAw", 2],
    ]);
    const lines = [...objects.values()].flatMap((body) =>
      body
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line)),
    );
    expect(lines.map(({ Id }) => Id)).toEqual(["001A", "001B", "001C"]);
  });

  test("without records leaves no object", async () => {
    const { store, objects } = setUp({ first: { csv: "Id,SystemModstamp\n" } });
    expect(await store(1, null)).toMatchObject({ records: 0 });
    expect(objects.size).toBe(0);
  });

  test.each([
    ["other columns", "Name\nAcme\n"],
    ["a quote that never ends", 'Id,SystemModstamp\n"001A,2026'],
    ["too many columns", "Id,SystemModstamp\n1,2,3\n"],
  ])("with %s is refused and nothing is stored", async (_what, text) => {
    const { store, objects } = setUp({ first: { csv: text } });
    await expect(store(1, null)).rejects.toMatchObject({ name: "ContractError", code: "BAD_PAGE" });
    expect(objects.size).toBe(0);
  });

  test("is not done when the bucket did not take it", async () => {
    const { store } = setUp({ first: { csv: csv("001A,2026") } }, new TransientError("SlowDown", "slow down"));
    await expect(store(1, null)).rejects.toThrow("slow down");
  });

  test("keeps every record, whatever its order and line ends", async () => {
    const id = fc.stringMatching(/^001[a-zA-Z0-9]{15}$/);
    await fc.assert(
      fc.asyncProperty(fc.array(id, { maxLength: 50 }), fc.constantFrom("\n", "\r\n"), async (ids, end) => {
        const text = ["Id,SystemModstamp", ...ids.map((one) => `"${one}",2026-01-01T00:00:00.000Z`), ""].join(end);
        const { store, objects } = setUp({ first: { csv: text } });
        expect((await store(1, null)).records).toBe(ids.length);
        const lines = [...objects.values()].join("").split("\n").filter(Boolean);
        expect(lines.map((line) => JSON.parse(line).Id)).toEqual(ids);
      }),
    );
  });
});

describe("a query job", () => {
  const job = (state: BulkJob["state"]): BulkJob => ({
    id: "750",
    state,
    recordsProcessed: 1,
    errorMessage: "too big",
  });

  test.each([
    ["UploadComplete", false],
    ["InProgress", false],
    ["JobComplete", true],
  ] as const)("%s is done: %s", (state, expected) => {
    expect(isDone(job(state))).toBe(expected);
  });

  test.each(["Failed", "Aborted"] as const)("%s ends the backfill with Salesforce's own words", (state) => {
    expect(() => isDone(job(state))).toThrow(`as ${state}: too big`);
  });
});
