import { spawn } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { Connection } from "jsforce/lib/core.js";
import type { Answer, SeenRequest, TestServer } from "#shared/testing/server.ts";
import { ACCOUNT, account, CLIENT_NAME } from "../testing.ts";
import { clientOf, problem, startOrg } from "./testing.ts";

// Where the plain library goes wrong, and that our client does not. A trap that closes with a newer jsforce fails its
// first half here: then the way around it can go.

const FIELDS = ["Id", "Name"];
const EXPIRED = problem(401, "INVALID_SESSION_ID", "Session expired or invalid");
const MANY = 50;

function plain({ url }: TestServer, refreshed?: () => string): Connection {
  const refresh = refreshed && {
    refreshFn: async (_: unknown, done: (error: null, token: string) => void) => done(null, refreshed()),
  };
  return new Connection({ instanceUrl: url, accessToken: "stale", version: "67.0", ...refresh });
}

/** Runs plain jsforce in a process of its own, which it may end. */
async function inProcess(url: string, script: string): Promise<{ code: number | null; output: string }> {
  const source = `
    const { Connection } = require("jsforce/lib/index.js");
    const connection = new Connection({ instanceUrl: "${url}", accessToken: "t", version: "67.0" });
    (async () => { ${script} })().then((out) => { console.log("settled", out); process.exit(0) },
                                      (error) => { console.log("failed", error.message); process.exit(0) });`;
  const child = spawn(process.execPath, ["-e", source], { cwd: join(import.meta.dirname, "../../..") });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (output += data));
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { code, output };
}

const csvPage = (rows: string, locator: string | undefined): Answer => ({
  headers: {
    "content-type": "text/csv",
    "sforce-numberofrecords": "1",
    ...(locator ? { "sforce-locator": locator } : {}),
  },
  body: `"Id"\n"${rows}"\n`,
});

describe("401 without end", () => {
  test("jsforce asks again as long as every new token is refused; we once", async () => {
    let seen = () => {};
    const many = new Promise<void>((resolve) => {
      seen = resolve;
    });
    await using server = await startOrg((_, call) => {
      if (call === MANY) seen();
      return call < 3 * MANY ? EXPIRED : { body: [] };
    });
    const endless = plain(server, () => "refused too").request("/limits");
    await many;
    await endless;
    expect(server.calls().length).toBeGreaterThan(MANY);

    await using other = await startOrg(() => EXPIRED);
    await expect(clientOf(other).readUsage()).rejects.toMatchObject({ code: "INVALID_SESSION_ID", retryable: true });
    expect([other.calls().length, other.tokens().length]).toEqual([2, 2]);
  });

  test("jsforce stays with the instance URL that was moved away; we follow", async () => {
    await using home = await startOrg(() => ({ body: [account(ACCOUNT)] }));
    let moved = false;
    await using old = await startOrg(
      () => (moved ? EXPIRED : { body: [account(ACCOUNT)] }),
      () => ({ body: { access_token: "token", instance_url: moved ? home.url : old.url, id: `${old.url}/id/0/1` } }),
    );
    const salesforce = clientOf(old);
    await salesforce.readRecords("Account", [ACCOUNT], FIELDS);
    moved = true;
    let refreshes = 0;
    const connection = plain(old, () => {
      refreshes += 1;
      connection.instanceUrl = home.url;
      if (refreshes === 3) moved = false;
      return "token";
    });
    await connection.request(`${old.url}/services/data/v67.0/limits`);
    expect([refreshes, home.calls().length]).toEqual([3, 0]);

    moved = true;
    expect((await salesforce.readRecords("Account", [ACCOUNT], FIELDS)).size).toBe(1);
    expect(home.calls()).toHaveLength(1);
  });

  test.each([301, 302, 307, 308])("a redirect (%i) is a moved organisation too", async (status) => {
    await using home = await startOrg(() => ({ body: [account(ACCOUNT)] }));
    let tokens = 0;
    await using old = await startOrg(
      ({ url }) => ({ status, headers: { location: home.url + url }, body: "" }),
      () => {
        tokens += 1;
        return { body: { access_token: "token", instance_url: tokens === 1 ? old.url : home.url } };
      },
    );
    expect((await clientOf(old).readRecords("Account", [ACCOUNT], FIELDS)).size).toBe(1);
    expect(old.calls()).toHaveLength(1);
  });

  test("a host that is gone is given up, not kept", async () => {
    await using home = await startOrg(() => ({ body: [account(ACCOUNT)] }));
    let tokens = 0;
    await using old = await startOrg(
      () => "reset",
      () => {
        tokens += 1;
        return { body: { access_token: "token", instance_url: tokens === 1 ? old.url : home.url } };
      },
    );
    const salesforce = clientOf(old);
    const read = () => salesforce.readRecords("Account", [ACCOUNT], FIELDS);
    for (const _try of [1, 2]) await expect(read()).rejects.toMatchObject({ code: "UNREACHABLE" });
    expect((await read()).size).toBe(1);
  });
});

describe("answers that do not come whole", () => {
  test("a body that is cut ends jsforce's process; our work fails and is tried again", async () => {
    const server = createServer((_, response) => {
      response.writeHead(200, { "content-type": "application/json", "content-length": "1000" });
      response.write('[{"Id"', () => setImmediate(() => response.destroy()));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { code, output } = await inProcess(url, `return connection.request("/limits")`);
    expect(code).not.toBe(0);
    expect(output).toMatch(/terminated/);

    await using org = await startOrg(
      () => "reset",
      () => ({ body: { access_token: "token", instance_url: url } }),
    );
    await expect(clientOf(org).readUsage()).rejects.toMatchObject({ code: "UNREACHABLE", retryable: true });
    server.close();
  });

  test("a body that stops ends after our time", async () => {
    await using server = await startOrg(() => ({ headers: { "content-length": "1000" }, body: '[{"Id"' }));
    await expect(clientOf(server, { timeoutMs: 100 }).readUsage()).rejects.toMatchObject({ code: "TIMEOUT" });
  });

  test("silence ends after our time", async () => {
    await using server = await startOrg(() => "hang");
    await expect(clientOf(server, { timeoutMs: 100 }).readUsage()).rejects.toMatchObject({
      name: "TransientError",
      code: "TIMEOUT",
    });
  });

  test.each([503, 500, 429, 420])(
    "jsforce sends a refused GET (%i) again; we leave that to the queue",
    async (status) => {
      let again = () => {};
      const repeated = new Promise<void>((resolve) => {
        again = resolve;
      });
      await using server = await startOrg((_, call) => {
        if (call === 2) again();
        return call < 2 ? problem(status, "SERVER_UNAVAILABLE") : { body: {} };
      });
      await plain(server).request("/limits");
      await repeated;

      await using other = await startOrg(() => problem(status, "SERVER_UNAVAILABLE"));
      await expect(clientOf(other).readUsage()).rejects.toMatchObject({ retryable: true });
      expect(other.calls()).toHaveLength(1);
    },
  );
});

describe("lists", () => {
  test("jsforce cuts a query off at 10,000 without a word; we say that there is more", async () => {
    const page = (call: number): Answer => ({
      body: {
        totalSize: 12_000,
        done: call === 6,
        nextRecordsUrl: `/services/data/v67.0/query/01g-${call * 2_000}`,
        records: Array.from({ length: 2_000 }, () => account(ACCOUNT)),
      },
    });
    await using server = await startOrg((_, call) => page(call));
    const cut = await plain(server).query("SELECT Id FROM Account", { autoFetch: true });
    expect(cut.records).toHaveLength(10_000);

    await using other = await startOrg((_, call) => page(call));
    const ours = await clientOf(other).query("SELECT Id FROM Account");
    expect(ours).toMatchObject({ totalSize: 12_000, done: false });
    expect(ours.records).toHaveLength(2_000);
  });

  test("a slash in an id leads jsforce to another resource; ours stays within its place", async () => {
    await using server = await startOrg(() => ({ body: { id: "750", state: "InProgress" } }));
    await plain(server).sobject("Account").upsert({ Ext__c: "a/b" }, "Ext__c");
    await clientOf(server).bulk.readJob("a/b");
    const [theirs, ours] = server.calls().map(({ url }) => url);
    expect(theirs).toMatch(/\/Ext__c\/a\/b$/);
    expect(ours).toBe("/services/data/v67.0/jobs/query/a%2Fb");
  });

  test("a query too long for a URL is refused before it is sent", async () => {
    await using server = await startOrg(() => ({ body: {} }));
    const soql = `SELECT Id FROM Account WHERE Id IN (${Array.from({ length: 700 }, () => `'${ACCOUNT}'`)})`;
    await expect(clientOf(server).query(soql)).rejects.toMatchObject({ code: "SOQL_TOO_LONG", retryable: false });
    expect(server.requests).toEqual([]);
  });
});

describe("Bulk API 2.0", () => {
  /** A finished query job whose second page is the last. */
  const job = ({ method, url }: SeenRequest): Answer => {
    if (method === "POST") return { body: { id: "750A", state: "UploadComplete" } };
    if (!url.includes("/results")) return { body: { id: "750A", state: "JobComplete", numberRecordsProcessed: 2 } };
    return url.includes("locator=NEXT") ? csvPage("2", "null") : csvPage("1", "NEXT");
  };

  test("the second page ends jsforce's process; we read it as a call of its own, with our client name", async () => {
    await using server = await startOrg(job);
    const script = `const rows = []; const stream = await connection.bulk2.query("SELECT Id FROM Account", { pollInterval: 10 });
      for await (const row of stream) rows.push(row.Id); return rows.join()`;
    const { code, output } = await inProcess(server.url, script);
    expect([code, output]).toEqual([1, expect.stringContaining("write after end")]);

    await using other = await startOrg(job);
    const { bulk } = clientOf(other);
    const first = await bulk.readPage("750A", { maxRecords: 1 });
    expect(first).toEqual({ csv: '"Id"\n"1"\n', records: 1, locator: "NEXT" });
    expect(await bulk.readPage("750A", { maxRecords: 1, locator: "NEXT" })).toMatchObject({ locator: undefined });
    expect(other.calls().map(({ headers }) => [headers.accept, headers["sforce-call-options"]])).toEqual([
      ["text/csv", `client=${CLIENT_NAME}`],
      ["text/csv", `client=${CLIENT_NAME}`],
    ]);
  });

  test("jsforce reads for ever when no locator comes; we refuse the page", async () => {
    await using server = await startOrg(() => csvPage("1", undefined));
    await expect(clientOf(server).bulk.readPage("750A", { maxRecords: 1 })).rejects.toMatchObject({
      name: "ContractError",
    });
  });

  test("an error of an answer that was asked for as text keeps its code", async () => {
    await using server = await startOrg(() => problem(409, "INVALIDJOBSTATE", "wrong version"));
    await expect(clientOf(server).bulk.readPage("750A", { maxRecords: 1 })).rejects.toMatchObject({
      name: "RejectedByTargetError",
      code: "INVALIDJOBSTATE",
    });
  });
});
