import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { backfillFinished } from "#shared/contracts/events.ts";
import { BackfillBench, failure, ORG } from "./testing.ts";

const MAX_EVENTS = 25_000;
const HOUR = 3_600;
const DAY = 24 * HOUR;
const SMALL = { pageSize: 4, batchSize: 2 };

let bench: BackfillBench;
let count = 0;
let name: string;

beforeEach(async () => {
  bench = await BackfillBench.start(10_000_000);
  bench.ids = Array.from({ length: 11 }, (_, n) => `001${String(n).padStart(15, "0")}`);
  count += 1;
  name = `backfill-${count}`;
});
afterEach(() => bench.close());

/** Every account was sent once, and whoever looks is told so. */
function expectAll(): void {
  expect([...bench.sent.keys()].sort()).toEqual(bench.ids);
  const ends = bench.events.map(({ metadata }) => metadata.eventId);
  expect(new Set(ends)).toEqual(new Set([`${name}/finished`]));
  for (const detail of bench.events) {
    expect(backfillFinished.detail.safeParse(detail)).toMatchObject({ success: true });
    expect(detail.data).toMatchObject({ compared: bench.ids.length, unusable: 0, parked: 0 });
  }
}

/** Calls of one connector. */
const calls = (connector: string) => bench.calls.filter((one) => one === connector).length;

/** Fails the batch that the last account is in. */
function failBatch(connector: string, data: { records: readonly { Id: string }[] }): void {
  if (connector === "load" && data.records[0]?.Id === bench.ids[10]) throw failure("ContractError", "bad");
}

/** Resolves when it becomes true. */
async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setImmediate(resolve));
}

describe("a backfill", () => {
  test("lists every account, then loads page by page", async () => {
    const run = await bench.ended(await bench.run(name, 1, SMALL));
    const counts = { compared: 11, sent: 11, equal: 0, behind: 0, unusable: 0, parked: 0 };
    expect([run.status, JSON.parse(run.output ?? "")]).toEqual(["SUCCEEDED", counts]);
    expect(bench.calls).toEqual(["plan", "start", "check", "store", "store", "store", ...Array(6).fill("load")]);
    expectAll();
    expect((await bench.kept(name))?.progress).toMatchObject({ phase: "finished", pages: 3, loaded: 3, total: 11 });
  });

  test("of an empty organisation ends at once", async () => {
    bench.ids = [];
    expect((await bench.ended(await bench.run(name))).status).toBe("SUCCEEDED");
    expectAll();
  });

  test("that only plans keeps nothing", async () => {
    const run = await bench.ended(await bench.run(name, 1, { dryRun: true }));
    expect(JSON.parse(run.output ?? "")).toMatchObject({ records: 11, billedPerSecond: 12.5 });
    expect(await bench.kept(name)).toBeUndefined();
    expect(bench.calls).toEqual(["plan"]);
  });
});

describe("waiting", () => {
  test("for a query of 20 hours costs few events, and no day of a query is lost", async () => {
    // 13 polls in the first hour, then one every 15 minutes.
    bench.polls = 13 + 19 * 4;
    const executionArn = await bench.run(name, 1, SMALL);
    expect((await bench.ended(executionArn)).status).toBe("SUCCEEDED");
    expect(calls("check")).toBe(bench.polls + 1);
    expect(bench.history(executionArn)).toBeLessThan(MAX_EVENTS / 10);
    expectAll();
  });

  test("for a query that never ends is over after three of three days each, with its reason", async () => {
    bench.polls = 1e6;
    const executionArn = await bench.run(name, 1, SMALL);
    expect(await bench.ended(executionArn)).toMatchObject({
      status: "FAILED",
      error: "QueryFailed",
      cause: "The query took longer than three days.",
    });
    expect([calls("start"), calls("check")]).toEqual([3, 903]);
    expect(bench.history(executionArn)).toBeLessThan(MAX_EVENTS * 0.6);
    bench.polls = 0;
    expect((await bench.ended(await bench.run(name, 2))).status).toBe("SUCCEEDED");
    expectAll();
  });

  test("for an operator costs nothing: a pause of 60 days outlives Salesforce's results", async () => {
    bench.before = (connector) => {
      if (connector === "load" && calls("load") === 2) void bench.setPaused(name, true);
    };
    const executionArn = await bench.run(name, 1, SMALL);
    expect((await bench.ended(executionArn)).status).toBe("SUCCEEDED");
    expect(await bench.kept(name)).toMatchObject({ halted: true, progress: { phase: "load" } });
    const events = bench.history(executionArn);
    await bench.pass(60 * DAY);
    bench.forgetJobs();
    await bench.setPaused(name, false);
    expect((await bench.ended(await bench.run(name, 2))).status).toBe("SUCCEEDED");
    expect([bench.history(executionArn), calls("start")]).toEqual([events, 1]);
    expectAll();
  });

  test("for longer than the bucket keeps pages ends in a new query, and the counts are of the new list", async () => {
    bench.before = (connector) => {
      if (connector === "load" && calls("load") === 2) void bench.setPaused(name, true);
    };
    await bench.ended(await bench.run(name, 1, SMALL));
    await bench.pass(60 * DAY);
    bench.forgetJobs();
    await bench.forgetPages();
    bench.ids.push("001999999999999999");
    await bench.setPaused(name, false);
    expect((await bench.ended(await bench.run(name, 2))).status).toBe("SUCCEEDED");
    expect(calls("start")).toBe(2);
    expectAll();
  });

  test("is over at once when the operator changes his mind before the run has halted", async () => {
    bench.before = (connector) => {
      if (connector === "check") void bench.setPaused(name, true).then(() => bench.setPaused(name, false));
    };
    expect((await bench.ended(await bench.run(name, 1, SMALL))).status).toBe("SUCCEEDED");
    expect(await bench.kept(name)).toMatchObject({ halted: false, progress: { phase: "finished" } });
    expectAll();
  });

  test("below the reserve of API calls for days parks nothing", async () => {
    let refusals = 150;
    bench.before = (connector) => {
      if (connector !== "load" || refusals === 0) return;
      refusals -= 1;
      throw failure("TargetUnavailableError", "API_RESERVE");
    };
    expect((await bench.ended(await bench.run(name, 1, SMALL))).status).toBe("SUCCEEDED");
    expectAll();
  });
});

describe("a run that ends early", () => {
  // Where a run is when it is stopped: the number of events of its history by then.
  test("wherever it is stopped, and however often, the next one goes on: nothing missing, nothing twice", async () => {
    let whole = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 160 }), { minLength: 1, maxLength: 4 }), async (stops) => {
        count += 1;
        name = `backfill-${count}`;
        bench.sent.clear();
        bench.events.length = 0;
        bench.polls = 2;
        let run = 0;
        for (const events of stops) {
          run += 1;
          const executionArn = await bench.run(name, run, SMALL);
          const ended = bench.ended(executionArn);
          let over = false;
          void ended.then(() => {
            over = true;
          });
          await until(() => over || bench.history(executionArn) >= events);
          if (over) break;
          await bench.stop(executionArn);
          if ((await ended).status !== "ABORTED") break;
        }
        const last = await bench.ended(await bench.run(name, run + 1));
        expect(last.status).toBe("SUCCEEDED");
        whole = Math.max(whole, bench.history(last.executionArn));
        expectAll();
        expect(new Set(bench.sent.values())).toEqual(new Set([1]));
      }),
      { numRuns: 60 },
    );
    expect(whole).toBeGreaterThan(100);
  }, 60_000);

  test("as its results are gone is followed by a new query", async () => {
    bench.before = (connector) => {
      if (connector === "store" && calls("store") === 2) bench.forgetJobs();
    };
    expect((await bench.ended(await bench.run(name, 1, SMALL))).status).toBe("SUCCEEDED");
    expect(calls("start")).toBe(2);
    expectAll();
  });

  test("that a later one has overtaken keeps nothing any more", async () => {
    let second: Promise<string> | undefined;
    bench.before = (connector) => {
      if (connector === "store" && !second) second = bench.run(name, 2);
    };
    const first = await bench.ended(await bench.run(name, 1, SMALL));
    expect((await bench.ended((await second) as string)).status).toBe("SUCCEEDED");
    expect(first.status).toBe("SUCCEEDED");
    expect((await bench.kept(name))?.run).toBe(2);
    expectAll();
  });

  test("longer ago than AWS redrives is followed by another run all the same", async () => {
    const executionArn = await bench.run(name, 1, SMALL);
    await until(() => calls("load") > 1);
    await bench.stop(executionArn);
    await bench.pass(60 * DAY);
    await expect(bench.redrive(executionArn)).rejects.toMatchObject({ code: "ExecutionNotRedrivable" });
    expect((await bench.ended(await bench.run(name, 2))).status).toBe("SUCCEEDED");
    expectAll();
  });

  test("because it has grown long hands over, and the history of none is ever full", async () => {
    const [steps, allowed] = [1_000, 40];
    await bench.close();
    bench = await BackfillBench.start(10_000_000, (text) => text.replace(`$steps >= ${steps}`, `$steps >= ${allowed}`));
    bench.ids = Array.from({ length: 60 }, (_, n) => `001${String(n).padStart(15, "0")}`);
    await bench.ended(await bench.run(name, 1, { pageSize: 1, batchSize: 1 }));
    await bench.finished(name);
    expectAll();
    const { run: runs } = (await bench.kept(name)) ?? { run: 0 };
    expect(runs).toBe(4);
    for (let run = 1; run <= runs; run += 1) {
      const events = bench.history(bench.arnOf(run === 1 ? name : `${name}-run-${run}`));
      // The rest is for what has to be tried again.
      expect((events / allowed) * steps).toBeLessThan(MAX_EVENTS * 0.7);
    }
  });
});

describe("trouble", () => {
  test("that a person must see to first parks nothing, and the next run loads the page again", async () => {
    bench.before = (connector) => {
      if (connector === "load") throw failure("NotAuthorizedError", "invalid_grant");
    };
    expect(await bench.ended(await bench.run(name, 1, SMALL))).toMatchObject({
      status: "FAILED",
      error: "NotAuthorizedError",
      cause: "invalid_grant",
    });
    bench.before = () => undefined;
    expect((await bench.ended(await bench.run(name, 2))).status).toBe("SUCCEEDED");
    expectAll();
  });

  test.each(["TypeError", "Runtime.ImportModuleError", "Runtime.ExitError", "Sandbox.Timedout"])(
    "of every run with %s, as after a bad deploy, parks nothing, and all goes on after the mend",
    async (error) => {
      bench.before = (connector) => {
        if (connector === "load") throw failure(error, "broken");
      };
      expect(await bench.ended(await bench.run(name, 1, SMALL))).toMatchObject({ status: "FAILED", error });
      expect(await bench.parked()).toEqual([]);
      expect(calls("load")).toBe(25 * 2);
      bench.before = () => undefined;
      expect((await bench.ended(await bench.run(name, 2))).status).toBe("SUCCEEDED");
      expectAll();
    },
  );

  test("of every run for an hour is waited out within the same run", async () => {
    bench.before = (connector) => {
      if (connector === "load" && calls("load") < 20) throw failure("TypeError", "broken");
    };
    expect((await bench.ended(await bench.run(name, 1, SMALL))).status).toBe("SUCCEEDED");
    expect(await bench.parked()).toEqual([]);
    expectAll();
  });

  test("of one batch alone parks it, and the others go on", async () => {
    bench.before = failBatch;
    const run = await bench.ended(await bench.run(name, 1, SMALL));
    expect(JSON.parse(run.output ?? "")).toMatchObject({ compared: 11, sent: 9, parked: 2 });
    const [parked, ...others] = await bench.parked();
    const error = { errorName: "ContractError", errorMessage: "bad" };
    expect(others).toEqual([]);
    expect(parked).toMatchObject({ kind: "comparison", hop: "backfill/LoadBatch", ...error, orgId: ORG, tries: 1 });
    expect(JSON.parse(parked?.input ?? "")).toEqual({
      metadata: expect.objectContaining({ orgId: ORG, correlationId: name }),
      data: { entity: "Account", recordIds: [bench.ids[10], bench.ids[9]] },
    });
  });

  test("of a batch of one record parks that record", async () => {
    bench.before = failBatch;
    await bench.ended(await bench.run(name, 1, { pageSize: 4, batchSize: 1 }));
    const [parked] = await bench.parked();
    expect(JSON.parse(parked?.input ?? "").data.recordIds).toEqual([bench.ids[10]]);
  });

  test.each([
    ["discarded", []],
    ["redriven", [{ tries: 2 }]],
  ] as const)("of a batch that a person has %s is met by another run as what it is", async (status, expected) => {
    bench.before = failBatch;
    await bench.ended(await bench.run(name, 1, SMALL));
    const [parked] = await bench.parked();
    await bench.settle(parked?.parkedId ?? "", status);
    await bench.ended(await bench.run(`${name}-again`, 1, SMALL));
    expect(await bench.parked()).toMatchObject(expected);
  });

  test("that keeps a batch from being parked ends the run, and the next one loads it again", async () => {
    bench.before = (connector, data) => {
      if (connector === "park") throw failure("NotAuthorizedError", "not allowed to write");
      failBatch(connector, data);
    };
    const refused = { status: "FAILED", error: "NotAuthorizedError", cause: "not allowed to write" };
    expect(await bench.ended(await bench.run(name, 1, SMALL))).toMatchObject(refused);
    expect(await bench.parked()).toEqual([]);
    bench.before = () => undefined;
    expect((await bench.ended(await bench.run(name, 2))).status).toBe("SUCCEEDED");
    expectAll();
  });

  test("with the query three times in a row ends the run with Salesforce's words", async () => {
    bench.before = (connector) => {
      if (connector === "check") bench.forgetJobs();
    };
    expect(await bench.ended(await bench.run(name, 1, SMALL))).toMatchObject({
      status: "FAILED",
      error: "QueryFailed",
      cause: "NOT_FOUND",
    });
  });
});
