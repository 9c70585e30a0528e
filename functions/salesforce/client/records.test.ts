import { describe, expect, test } from "@jest/globals";
import type { Answer } from "#shared/testing/server.ts";
import { ACCOUNT, account, CLIENT_NAME, OTHER_ACCOUNT } from "../testing.ts";
import { clientOf, problem, startOrg } from "./testing.ts";

const FIELDS = ["Id", "Name"];

const manyIds = (count: number) => Array.from({ length: count }, (_, n) => `001${String(n).padStart(15, "0")}`);
const pathOf = (url = "") => new URL(url, "http://org").pathname;
const queryOf = (url = "") => Object.fromEntries(new URL(url, "http://org").searchParams);

describe("readRecords", () => {
  test("reads all in one call, with our client name; a missing one is missing", async () => {
    await using server = await startOrg(() => ({ body: [account(ACCOUNT), null] }));
    const found = await clientOf(server).readRecords("Account", [ACCOUNT, OTHER_ACCOUNT], FIELDS);
    expect([...found.keys()]).toEqual([ACCOUNT]);
    expect(found.get(ACCOUNT)).toMatchObject({ Name: "Acme" });
    const [call] = server.calls();
    expect(call).toMatchObject({ method: "POST", url: "/services/data/v67.0/composite/sobjects/Account" });
    expect(JSON.parse(call?.body ?? "")).toEqual({ ids: [ACCOUNT, OTHER_ACCOUNT], fields: FIELDS });
    expect(call?.headers).toMatchObject({
      authorization: "Bearer token-1",
      "content-type": "application/json",
      "sforce-call-options": `client=${CLIENT_NAME}`,
    });
  });

  test("splits more ids than one call takes", async () => {
    await using server = await startOrg(({ body }) => ({ body: JSON.parse(body).ids.map(() => null) }));
    expect(await clientOf(server).readRecords("Account", manyIds(2_001), FIELDS)).toEqual(new Map());
    expect(server.calls().map(({ body }) => JSON.parse(body).ids.length)).toEqual([2_000, 1]);
  });

  test("asks nobody about no records", async () => {
    await using server = await startOrg(() => ({ body: [] }));
    expect(await clientOf(server).readRecords("Account", [], FIELDS)).toEqual(new Map());
    expect(server.requests).toEqual([]);
  });
});

describe("findDeleted", () => {
  test("asks the recycle bin too", async () => {
    const row = { Id: ACCOUNT, IsDeleted: true, SystemModstamp: "2026-09-21T14:13:20.000+0000" };
    await using server = await startOrg(() => ({ body: { totalSize: 1, done: true, records: [row] } }));
    const found = await clientOf(server).findDeleted("Contact", [ACCOUNT, OTHER_ACCOUNT]);
    expect(found).toEqual(new Map([[ACCOUNT, { isDeleted: true, systemModstamp: row.SystemModstamp }]]));
    const [call] = server.calls();
    expect(pathOf(call?.url)).toBe("/services/data/v67.0/queryAll");
    expect(queryOf(call?.url)).toEqual({
      q: `SELECT Id, IsDeleted, SystemModstamp FROM Contact WHERE Id IN ('${ACCOUNT}','${OTHER_ACCOUNT}')`,
    });
  });

  test("keeps every URL under Salesforce's 16,384 bytes", async () => {
    await using server = await startOrg(() => ({ body: { totalSize: 0, done: true, records: [] } }));
    await clientOf(server).findDeleted("Account", manyIds(1_100));
    expect(server.calls()).toHaveLength(3);
    for (const { url } of server.requests) expect(url.length).toBeLessThan(16_384);
  });

  test.each([[{ totalSize: 1, done: false, records: [] }], [{ totalSize: 1, done: true, records: [{ Id: ACCOUNT }] }]])(
    "refuses %j",
    async (body) => {
      await using server = await startOrg(() => ({ body }));
      await expect(clientOf(server).findDeleted("Account", [ACCOUNT])).rejects.toMatchObject({ name: "ContractError" });
    },
  );
});

describe("deletedBetween", () => {
  test("reads the delete log, with moments in ISO 8601", async () => {
    const deletedRecords = [{ id: ACCOUNT, deletedDate: "2026-11-22T10:00:00.000+0000" }];
    await using server = await startOrg(() => ({ body: { deletedRecords, latestDateCovered: "x" } }));
    const found = await clientOf(server).deletedBetween("Account", "2026-11-21T00:00:00+01:00", "2026-11-22T11:00:00Z");
    expect(found).toEqual([{ id: ACCOUNT, deletedDate: "2026-11-22T10:00:00.000Z" }]);
    const [call] = server.calls();
    expect(pathOf(call?.url)).toBe("/services/data/v67.0/sobjects/Account/deleted/");
    expect(queryOf(call?.url)).toEqual({ start: "2026-11-20T23:00:00.000Z", end: "2026-11-22T11:00:00.000Z" });
  });

  test("refuses what is no moment", async () => {
    const salesforce = clientOf({ url: "http://127.0.0.1:1" });
    await expect(salesforce.deletedBetween("Account", "yesterday", "today")).rejects.toMatchObject({
      name: "InvalidInputError",
      code: "BAD_MOMENT",
    });
  });
});

describe("query", () => {
  test.each([
    [undefined, "/services/data/v67.0/query"],
    [{ deleted: true }, "/services/data/v67.0/queryAll"],
  ])("with %j asks %s", async (options, path) => {
    await using server = await startOrg(() => ({ body: { totalSize: 1, done: true, records: [{ Id: "1" }] } }));
    const page = await clientOf(server).query("SELECT Id FROM Account WHERE Name = 'A&B+C'", options);
    expect(page).toEqual({ totalSize: 1, done: true, records: [{ Id: "1" }] });
    expect(pathOf(server.calls()[0]?.url)).toBe(path);
    expect(queryOf(server.calls()[0]?.url)).toEqual({ q: "SELECT Id FROM Account WHERE Name = 'A&B+C'" });
  });
});

describe("describe", () => {
  test("tells name, type and whether it can be written", async () => {
    const fields = [{ name: "Name", type: "string", updateable: true, label: "Account Name" }];
    await using server = await startOrg(() => ({ body: { name: "Account", fields } }));
    const described = await clientOf(server).describe("Account");
    expect(described).toEqual([{ name: "Name", type: "string", updateable: true }]);
    expect(server.calls()[0]?.url).toBe("/services/data/v67.0/sobjects/Account/describe");
  });
});

describe("updateRecords", () => {
  const done = (id: string) => ({ id, success: true, errors: [] });
  const refused = (statusCode: string) => ({ success: false, errors: [{ statusCode, message: "no", fields: [] }] });

  test("updates by id in one call; a record that is refused fails alone", async () => {
    await using server = await startOrg(() => ({ body: [done(ACCOUNT), refused("UNABLE_TO_LOCK_ROW")] }));
    const records = [
      { Id: ACCOUNT, Plan__c: "Team" },
      { Id: OTHER_ACCOUNT, Plan__c: null },
    ];
    const results = await clientOf(server).updateRecords("Account", records);
    const error = expect.objectContaining({ name: "TransientError", code: "UNABLE_TO_LOCK_ROW" });
    expect(results).toEqual([{ id: ACCOUNT }, { id: OTHER_ACCOUNT, error }]);
    const [call] = server.calls();
    expect(call).toMatchObject({ method: "PATCH", url: "/services/data/v67.0/composite/sobjects" });
    expect(call?.headers).toMatchObject({ "sforce-call-options": `client=${CLIENT_NAME}` });
    expect(JSON.parse(call?.body ?? "")).toEqual({
      allOrNone: false,
      records: [
        { attributes: { type: "Account" }, id: ACCOUNT, Plan__c: "Team" },
        { attributes: { type: "Account" }, id: OTHER_ACCOUNT, Plan__c: null },
      ],
    });
  });

  test.each<[Answer, string]>([
    [problem(503, "SERVER_UNAVAILABLE"), "TransientError"],
    [problem(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."), "RateLimitedError"],
    [{ body: [] }, "ContractError"],
    [{ body: [{ success: "yes" }] }, "ContractError"],
  ])("a call that fails (%j) takes its own 200 records with it, and no others", async (answer, name) => {
    await using server = await startOrg(({ body }, call) =>
      call === 2 ? answer : { body: JSON.parse(body).records.map(({ id }: { id: string }) => done(id)) },
    );
    const ids = manyIds(450);
    const results = await clientOf(server).updateRecords(
      "Account",
      ids.map((Id) => ({ Id })),
    );
    expect(results.map(({ id }) => id)).toEqual(ids);
    const failed = results.flatMap((result, index) => ("error" in result ? [{ index, error: result.error }] : []));
    expect(failed.map(({ index }) => index)).toEqual(Array.from({ length: 200 }, (_, n) => 200 + n));
    expect(new Set(failed.map(({ error }) => error.name))).toEqual(new Set([name]));
  });

  test("a record without an id is refused before anything is written", async () => {
    await using server = await startOrg(() => ({ body: [] }));
    const records = [{ Id: ACCOUNT }, { Plan__c: "Team" }];
    await expect(clientOf(server).updateRecords("Account", records)).rejects.toMatchObject({ code: "NO_ID" });
    expect(server.requests).toEqual([]);
  });
});

describe("bulk", () => {
  const job = { id: "750A", state: "InProgress", operation: "query", numberRecordsProcessed: 7 };

  test("creates a query job and reads its state", async () => {
    await using server = await startOrg(({ method }) =>
      method === "GET" ? { body: { ...job, state: "Failed", errorMessage: "bad" } } : { body: job },
    );
    const { bulk } = clientOf(server);
    const running = { id: "750A", state: "InProgress", recordsProcessed: 7, errorMessage: undefined };
    expect(await bulk.createQuery("SELECT Id FROM Account")).toEqual(running);
    expect(await bulk.readJob("750A")).toEqual({ ...running, state: "Failed", errorMessage: "bad" });
    expect(server.calls().map(({ method, url, body }) => [method, url, body])).toEqual([
      ["POST", "/services/data/v67.0/jobs/query", '{"operation":"query","query":"SELECT Id FROM Account"}'],
      ["GET", "/services/data/v67.0/jobs/query/750A", ""],
    ]);
  });

  test("a state nobody knows is refused", async () => {
    await using server = await startOrg(() => ({ body: { ...job, state: "Dreaming" } }));
    await expect(clientOf(server).bulk.readJob("750A")).rejects.toMatchObject({ name: "ContractError" });
  });
});
