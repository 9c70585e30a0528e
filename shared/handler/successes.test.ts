import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { createStateTable } from "../state-table.ts";
import { dynamoAt, startTable } from "../testing/dynamo.ts";
import { createSuccesses } from "./successes.ts";

const TABLE = "fleet-state-test";
const NOW = Date.parse("2026-01-01T00:00:00Z");

let table: Awaited<ReturnType<typeof startTable>>;
beforeAll(async () => {
  table = await startTable(TABLE, "key");
});
afterAll(() => table.close());

test("a success is kept at once or every half minute, for all who ask", async () => {
  let moment = NOW;
  const now = () => moment;
  const [one, other] = [1, 2].map(() =>
    createSuccesses("a", createStateTable(TABLE, { client: table.client, now }), now),
  );
  expect(await other?.last()).toBe(0);
  await one?.note();
  expect(await other?.last()).toBe(NOW);
  moment += 29_999;
  await one?.note();
  expect(await other?.last()).toBe(NOW);
  await one?.note(true);
  expect(await other?.last()).toBe(moment);
});

test("nobody fails because a success could not be kept", async () => {
  const successes = createSuccesses("b", createStateTable(TABLE, { client: dynamoAt(1) }), () => NOW);
  await successes.note();
  await expect(successes.last()).rejects.toMatchObject({ name: "TransientError" });
});
