import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { NotAuthorizedError, RejectedByTargetError, TransientError } from "#shared/errors.ts";
import type { BulkJob, BulkPage } from "../client/types.ts";
import { checkQuery, storePage } from "./pages.ts";

const request = { jobId: "750", locator: null, pageSize: 2 };

interface Failures {
  readonly putFails?: Error;
  readonly readFails?: Error;
}

/** A result in the pages given, and a bucket. */
function setUp(pages: Readonly<Record<string, Partial<BulkPage>>>, { putFails, readFails }: Failures = {}) {
  const objects = new Map<string, string>();
  const asked: unknown[] = [];
  const bulk = {
    readPage: async (jobId: string, page: { locator?: string | undefined; maxRecords: number }) => {
      asked.push([jobId, page.locator, page.maxRecords]);
      if (readFails) throw readFails;
      return { csv: "", records: 0, locator: undefined, ...pages[page.locator ?? "first"] };
    },
  };
  const store = async (number: number, locator: string | null) =>
    storePage({ ...request, key: `backfill-1/${number}.jsonl`, locator }, { bulk } as never, {
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
    expect(first).toEqual({ state: "stored", records: 2, locator: "MTAw" });
    const last = await store(2, "MTAw");
    expect(last).toEqual({ state: "stored", records: 1, locator: null });
    expect(asked).toEqual([
      ["750", undefined, 2],
      ["750", "MTAw", 2],
    ]);
    expect([...objects.keys()]).toEqual(["backfill-1/1.jsonl", "backfill-1/2.jsonl"]);
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
    const { store } = setUp(
      { first: { csv: csv("001A,2026") } },
      {
        putFails: new RejectedByTargetError("NoSuchBucket", "no bucket"),
      },
    );
    await expect(store(1, null)).rejects.toThrow("no bucket");
  });

  test("of a job that is gone says so, with Salesforce's own words", async () => {
    const readFails = new RejectedByTargetError("NOT_FOUND", "Salesforce answered NOT_FOUND: it does not exist");
    expect(await setUp({}, { readFails }).store(1, "MTAw")).toEqual({ state: "gone", reason: readFails.message });
  });

  test.each([new TransientError("TIMEOUT", "later"), new NotAuthorizedError("invalid_grant", "no")])(
    "is no matter of the job when reading it fails with $name",
    async (readFails) => {
      await expect(setUp({}, { readFails }).store(1, null)).rejects.toBe(readFails);
    },
  );

  test("keeps every record, whatever its order and line ends", async () => {
    const id = fc.stringMatching(/^001[a-zA-Z0-9]{15}$/);
    await fc.assert(
      fc.asyncProperty(fc.array(id, { maxLength: 50 }), fc.constantFrom("\n", "\r\n"), async (ids, end) => {
        const text = ["Id,SystemModstamp", ...ids.map((one) => `"${one}",2026-01-01T00:00:00.000Z`), ""].join(end);
        const { store, objects } = setUp({ first: { csv: text } });
        expect(await store(1, null)).toMatchObject({ records: ids.length });
        const lines = [...objects.values()].join("").split("\n").filter(Boolean);
        expect(lines.map((line) => JSON.parse(line).Id)).toEqual(ids);
      }),
    );
  });
});

describe("a query job", () => {
  const check = (answer: BulkJob["state"] | Error) => {
    const readJob = async (id: string) => {
      if (answer instanceof Error) throw answer;
      return { id, state: answer, recordsProcessed: 1, errorMessage: "InvalidBatch : Erika is too big" };
    };
    return checkQuery("750", { bulk: { readJob } } as never);
  };

  test.each([
    ["UploadComplete", "running"],
    ["InProgress", "running"],
    ["JobComplete", "done"],
  ] as const)("%s is %s", async (state, expected) => {
    expect(await check(state)).toEqual({ state: expected });
  });

  test.each(["Failed", "Aborted"] as const)("%s is gone, with Salesforce's code alone", async (state) => {
    expect(await check(state)).toEqual({
      state: "gone",
      reason: `Salesforce ended query job 750 as ${state}: InvalidBatch`,
    });
  });

  test("that Salesforce does not know is gone", async () => {
    const refusal = new RejectedByTargetError("NOT_FOUND", "Salesforce answered NOT_FOUND");
    expect(await check(refusal)).toEqual({ state: "gone", reason: refusal.message });
  });

  test("is asked for again when Salesforce does not answer", async () => {
    await expect(check(new TransientError("TIMEOUT", "later"))).rejects.toThrow("later");
  });
});
