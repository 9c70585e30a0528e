import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { BackfillBench, failure } from "../../statemachines/backfill/testing.ts";
import { runFleetAt } from "../testing.ts";

const NAME = "backfill-20260101T000000";
const SMALL = { pageSize: 4, batchSize: 2 };

let bench: BackfillBench;

beforeEach(async () => {
  bench = await BackfillBench.start(10_000_000);
  bench.ids = Array.from({ length: 11 }, (_, n) => `001${String(n).padStart(15, "0")}`);
});
afterEach(() => bench.close());

const fleet = async (...args: string[]) => runFleetAt(await bench.origin(), ["backfill", ...args]);

/** Sets the flag of an operator while batches are loaded; the run halts after its page. */
const pauseWhileLoading = () => {
  bench.before = (connector) => {
    if (connector === "load") void bench.setPaused(NAME, true);
  };
};

async function status(): Promise<Record<string, unknown>> {
  return JSON.parse((await fleet("status", "--json")).out);
}

describe("fleet backfill", () => {
  test("gives each its own name, also those that are started at the same moment", async () => {
    const started = await Promise.all([fleet("start", "--yes"), fleet("start", "--yes", "--page", "1000")]);
    expect(started.map(({ code, err }) => (code === 0 ? "" : err))).toEqual(["", ""]);
    const names = started.map(({ out }) => out.trim());
    expect(new Set(names).size).toBe(2);
    for (const name of names) {
      expect(name).toMatch(/^backfill-\d{8}T\d{6}-[0-9a-f]{8}$/);
      await bench.finished(name);
      expect((await fleet("status", name)).code).toBe(0);
    }
  });

  test("shows what is stored, what billing has followed and what it refused", async () => {
    await bench.ended(await bench.run(NAME, 1, SMALL));
    await bench.leaveBehind(bench.ids.slice(0, 3), "refused-1");
    const { code, out } = await fleet("status");
    expect(code).toBe(0);
    expect(out).toContain("100 %  11 of 11 stored  finished");
    expect(out).toContain("7 of 11, 3 wait (about 0 s at 12.5/s), 1 are parked");
    expect(await status()).toMatchObject({ total: 11, stored: 11, billed: 7, waiting: 3, refused: 1 });
    expect(out).toContain("11 differed and were sent into the sync, 0 were equal, 0 are parked");
  });

  test("resumes after a pause with another run of the same name, once however often it is asked", async () => {
    pauseWhileLoading();
    await bench.ended(await bench.run(NAME, 1, SMALL));
    expect(await status()).toMatchObject({ name: NAME, state: "paused", stored: 4 });
    bench.before = () => undefined;
    const answers = await Promise.all([fleet("resume"), fleet("resume", NAME)]);
    // The slower one may find that there is nothing left to do.
    expect(answers.map(({ out }) => out)).toContain(`${NAME} goes on.\n`);
    await bench.finished(NAME);
    expect([...bench.sent.keys()].sort()).toEqual(bench.ids);
    expect(await fleet("resume")).toEqual({ code: 1, out: "", err: `error: ${NAME} is finished already.\n` });
  });

  test("stops and resumes without any permission to redrive", async () => {
    let hold = true;
    bench.before = (connector) => {
      if (connector === "load" && hold) throw failure("TargetUnavailableError", "API_RESERVE");
    };
    const run = await bench.run(NAME, 1, SMALL);
    expect(await fleet("stop")).toMatchObject({ code: 0, out: `${NAME} is stopped; resume goes on.\n` });
    expect((await bench.ended(run)).status).toBe("ABORTED");
    expect(await status()).toMatchObject({ state: "stopped" });
    expect(await fleet("pause")).toMatchObject({ code: 1, err: `error: ${NAME} is stopped already.\n` });
    hold = false;
    expect(await fleet("resume")).toMatchObject({ code: 0 });
    await bench.finished(NAME);
    expect([...bench.sent.keys()].sort()).toEqual(bench.ids);
  });

  test("says why one failed, with exit code 1, and resumes it", async () => {
    bench.before = (connector) => {
      if (connector === "load") throw failure("NotAuthorizedError", "the login was refused");
    };
    await bench.ended(await bench.run(NAME, 1, SMALL));
    const { code, out } = await fleet("status", "--watch");
    expect([code, out.split("\n").slice(3, 5)]).toEqual([
      1,
      ["  NotAuthorizedError: the login was refused", "  'fleet backfill resume' goes on where it ended."],
    ]);
    bench.before = () => undefined;
    expect(await fleet("resume")).toMatchObject({ code: 0 });
    await bench.finished(NAME);
    expect(await status()).toMatchObject({ state: "finished", run: 2, stored: 11 });
  });

  test.each([
    [["status"], "There has been no backfill in the last 90 days.\n"],
    [["resume", "backfill-x"], "There is no backfill 'backfill-x'.\n"],
  ])("%j without any ends with exit code 1", async (args, err) => {
    expect(await fleet(...args)).toEqual({ code: 1, out: "", err });
  });
});
