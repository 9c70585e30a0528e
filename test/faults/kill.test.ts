import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { killWhileChanging } from "./kill.ts";
import { startWorld, type World } from "./world.ts";

const CHANGES = 300;
const KILLS = 20;

let world: World;

beforeAll(async () => {
  world = await startWorld();
}, 120_000);

afterAll(() => world?.stop());

test("functions that are killed twenty times in the midst of changes lose nothing and double nothing", async () => {
  const { problems, killed } = await killWhileChanging(world, { changes: CHANGES, kills: KILLS, seed: 1 });
  expect(problems).toEqual([]);
  expect(killed).toBeGreaterThan(KILLS / 2);
}, 300_000);
