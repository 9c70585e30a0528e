import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { Faults, seededRandom } from "./faults.ts";
import { type Front, startFront } from "./front.ts";
import { createStateFile } from "./state-file.ts";

let front: Front;
let served: string[];
beforeEach(async () => {
  served = [];
  front = await startFront({
    name: "Test",
    port: 0,
    maxBodyBytes: 1000,
    faultNames: ["own"],
    connect: async () => ({
      async fetch(request, fault) {
        served.push(request.method);
        return fault
          ? new Response("own fault", { status: fault.status ?? 418 })
          : Response.json({ served: served.length });
      },
      routeOf: (path) => path.replace(/\d+/, ":n"),
      controls: [],
      reset: async () => void served.splice(0),
      stop: async () => undefined,
    }),
  });
});
afterEach(() => front.stop());

const call = (init: RequestInit = {}) => fetch(`${front.url}/things/7`, init);

describe("transport faults", () => {
  test.each([
    ["socketReset", 0],
    ["socketResetAfterEffect", 1],
    ["truncatedBody", 1],
  ])("%s breaks the call, with %i effects", async (error, effects) => {
    front.faults.add({ path: "/things/*", error });
    await expect(call().then((response) => response.text())).rejects.toThrow();
    expect(served).toHaveLength(effects);
    expect((await call()).status).toBe(200);
  });

  test.each([
    ["timeout", 0],
    ["timeoutAfterSuccess", 1],
  ])("%s never answers, with %i effects", async (error, effects) => {
    front.faults.add({ path: "/**", error });
    const impatient = new AbortController();
    const waiting = expect(call({ signal: impatient.signal })).rejects.toMatchObject({ name: "AbortError" });
    const isDrawn = () => (front.faults.list()[0] as { timesLeft: number }).timesLeft === 0;
    while (!isDrawn() || served.length < effects) await new Promise((resolve) => setImmediate(resolve));
    impatient.abort();
    await waiting;
    expect(served).toHaveLength(effects);
  });

  test("slow answers late, and a stop does not wait for it", async () => {
    front.faults.add({ path: "/**", error: "slow", delayMs: 60, times: 1 });
    front.faults.add({ path: "/**", error: "slow", delayMs: 60_000 });
    const began = performance.now();
    expect((await call()).status).toBe(200);
    expect(performance.now() - began).toBeGreaterThanOrEqual(55);
    const waiting = expect(call()).rejects.toThrow();
    await front.stop();
    await waiting;
  });
});

describe("which call fails", () => {
  const statuses = async (count: number) => {
    const all: number[] = [];
    for (let index = 0; index < count; index += 1) all.push((await call()).status);
    return all;
  };

  test("the nth, a number of times, by method and path", async () => {
    front.faults.add({ method: "GET", path: "/things/*", status: 503, nth: 2, times: 2 });
    front.faults.add({ method: "POST", path: "/things/*", status: 500 });
    front.faults.add({ path: "/other/**", status: 500 });
    expect(await statuses(4)).toEqual([200, 503, 503, 200]);
  });

  test("each with a probability, the same ones for the same seed", async () => {
    const run = async (seed: number) => {
      front.faults.clear();
      front.faults.add({ path: "/**", error: "own", probability: 0.5, seed });
      return statuses(20);
    };
    const first = await run(7);
    expect(new Set(first)).toEqual(new Set([200, 418]));
    expect(await run(7)).toEqual(first);
  });

  test("calls are counted by route and status, and a reset clears everything", async () => {
    front.faults.add({ path: "/**", error: "socketReset" });
    await call().catch(() => undefined);
    await call();
    const statuses = front.calls.report().routes["GET /things/:n"]?.statuses;
    expect(statuses).toMatchObject({ 200: 1 });
    front.faults.add({ path: "/**", error: "socketReset" });
    await fetch(`${front.url}/__emulator__/reset`, { method: "POST" });
    expect([front.calls.report(), front.faults.list(), served]).toEqual([{ total: 0, routes: {} }, [], []]);
  });
});

test("refuses controls and faults that it does not know, naming those that exist", async () => {
  const post = async (path: string, body: string) => {
    const response = await fetch(`${front.url}/__emulator__/${path}`, { method: "POST", body });
    return [response.status, await response.text()] as const;
  };
  expect(await post("nothing", "{}")).toEqual([404, expect.stringContaining("POST /__emulator__/faults")]);
  expect(await post("faults", "{oops")).toEqual([400, expect.stringContaining("must be JSON")]);
  for (const [rule, text] of [
    [{ path: "/**", error: "meteor" }, "socketReset"],
    [{ path: "/**" }, "either 'error' or 'status'"],
    [{ path: "x", error: "own" }, "path"],
    [{ path: "/**", error: "own", tmies: 2 }, "tmies"],
  ] as const)
    expect(await post("faults", JSON.stringify(rule))).toEqual([400, expect.stringContaining(text)]);
});

test("a glob's * stays within a segment, ** crosses them, and all else is literal", () => {
  const segment = fc.stringMatching(/^[a-z0-9.+()]{1,8}$/);
  fc.assert(
    fc.property(fc.array(segment, { minLength: 1, maxLength: 5 }), fc.nat(4), (segments, at) => {
      const faults = new Faults([]);
      const path = `/${segments.join("/")}`;
      const hits = (glob: string) => {
        faults.clear();
        faults.add({ path: glob, status: 500 });
        return faults.draw("GET", path) !== undefined;
      };
      const starred = segments.map((part, index) => (index === at ? "*" : part)).join("/");
      expect([hits(path), hits(`/${starred}`), hits("/**"), hits(`${path}/x`)]).toEqual([true, true, true, false]);
      expect(hits("/*")).toBe(segments.length === 1);
    }),
  );
});

test("seeded numbers lie in [0, 1)", () => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const random = seededRandom(seed);
      for (let index = 0; index < 20; index += 1) expect(Math.abs(random() - 0.5)).toBeLessThanOrEqual(0.5);
    }),
  );
});

test("a state file holds what was there when flush resolved, however many writes overlap", async () => {
  const folder = await mkdtemp(join(tmpdir(), "saas-"));
  const path = join(folder, "state.json");
  let value = 0;
  const file = createStateFile(path, () => value);
  const flushes = Array.from({ length: 50 }, async () => {
    value += 1;
    const mine = value;
    await file.flush();
    expect(Number(await readFile(path, "utf8"))).toBeGreaterThanOrEqual(mine);
  });
  await Promise.all(flushes);
  expect(await file.load()).toBe(50);
  await rm(folder, { recursive: true });
});
