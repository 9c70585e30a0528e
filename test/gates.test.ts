import { describe, expect, test } from "@jest/globals";
import { type Billing, createBilling } from "../functions/billing/client.ts";
import { createPubSub } from "../functions/salesforce/catch-up/client.ts";
import { startPubSub } from "../functions/salesforce/catch-up/testing/server.ts";
import { clientBy, connectionOf } from "../functions/salesforce/client/testing.ts";
import type { InspectableSalesforce } from "../functions/salesforce/client/types.ts";
import { ORG } from "../functions/salesforce/testing.ts";
import { createSlack, type InspectableSlack } from "../functions/slack/client.ts";
import { TargetUnavailableError } from "../shared/errors.ts";
import type { Gate } from "../shared/targets/gate.ts";
import { serve } from "../shared/testing/server.ts";

// Everything that a client offers is called here, and the types ask for a line for each: what is added cannot be forgotten.

type Calls<Client, Names extends PropertyKey = keyof Client> = Readonly<
  Record<Names, (client: Client) => Promise<unknown>>
>;

const REQUEST = { idempotencyKey: "k", before: async () => true };
const BILLING: Calls<Billing> = {
  create: (billing) => billing.create({}, REQUEST),
  update: (billing) => billing.update("cus_1", { name: "Acme", address: "", metadata: {} }, REQUEST),
  isDeleted: (billing) => billing.isDeleted("cus_1"),
  list: (billing) => billing.list({ from: 0 }),
  search: (billing) => billing.search(ORG, "001"),
};
const SLACK: Calls<InspectableSlack> = {
  post: (slack) => slack.post({ text: "1 change synced", blocks: [] }),
  inspect: (slack) => slack.inspect(),
};
/** The connection is read from Secrets Manager. */
const SALESFORCE: Calls<InspectableSalesforce, Exclude<keyof InspectableSalesforce, "connection" | "bulk">> = {
  readRecords: (org) => org.readRecords("Account", ["001"], ["Id"]),
  findDeleted: (org) => org.findDeleted("Account", ["001"]),
  deletedBetween: (org) => org.deletedBetween("Account", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
  query: (org) => org.query("SELECT Id FROM Account"),
  // Each record fails by itself.
  updateRecords: async (org) => {
    for (const result of await org.updateRecords("Account", [{ Id: "001" }])) if ("error" in result) throw result.error;
  },
  readUsage: (org) => org.readUsage(),
  describe: (org) => org.describe("Account"),
  session: (org) => org.session(),
  identity: (org) => org.identity(),
  versions: (org) => org.versions(),
};
const BULK: Calls<InspectableSalesforce["bulk"]> = {
  createQuery: (bulk) => bulk.createQuery("SELECT Id FROM Account"),
  readJob: (bulk) => bulk.readJob("750"),
  readPage: (bulk) => bulk.readPage("750", { maxRecords: 1 }),
};

type Open = (gate: Gate, url: string) => Promise<unknown>;

function waysOf<Client>(name: string, calls: Calls<Client, string>, open: (gate: Gate, url: string) => Client) {
  return Object.entries(calls).map(([method, call]): [string, Open] => [
    `${name} ${method}`,
    (gate, url) => call(open(gate, url)),
  ]);
}

const salesforce = (priority: "live" | "background") => (gate: Gate, url: string) =>
  clientBy(async () => connectionOf(url), { gate, priority });
const WAYS: readonly [string, Open][] = [
  ...waysOf("billing", BILLING, (gate, baseUrl) =>
    createBilling(async () => ({ apiKey: "sk_test_1", baseUrl }), { gate }),
  ),
  ...waysOf("slack", SLACK, (gate, url) =>
    createSlack(async () => ({ token: "xoxb-1", apiUrl: `${url}/api/`, channel: "C1" }), gate),
  ),
  ...waysOf("salesforce", SALESFORCE, salesforce("live")),
  ...waysOf("salesforce in the background:", SALESFORCE, salesforce("background")),
  ...waysOf("salesforce bulk", BULK, (gate, url) => salesforce("live")(gate, url).bulk),
];

/** Lets nobody in. */
const shut: Gate = {
  call: () => Promise.reject(new TargetUnavailableError("BREAKER_OPEN", "No call was made.")),
};

/** Lets everybody in, and knows how many are. */
function watched() {
  const watch = { inside: 0, entered: 0 };
  const gate: Gate = {
    async call(_endpoint, work) {
      watch.inside += 1;
      watch.entered += 1;
      try {
        return await work();
      } finally {
        watch.inside -= 1;
      }
    },
  };
  return { watch, gate };
}

/** A vendor whose every login and call goes well, as far as one answer can be for all. */
function startVendor(seen: (url: string) => void = () => undefined) {
  const server = serve(({ url }) => {
    seen(url);
    if (!url.endsWith("/oauth2/token")) return { body: { ok: true, object: "customer", data: [], records: [] } };
    return server.then((org) => ({
      body: { access_token: "t", instance_url: org.url, id: `${org.url}/id/${ORG}/005` },
    }));
  });
  return server;
}

describe("a gate", () => {
  test.each(WAYS)("that is shut keeps back %s", async (_what, call) => {
    await using vendor = await startVendor();
    await expect(call(shut, vendor.url)).rejects.toMatchObject({ code: "BREAKER_OPEN" });
    expect(vendor.requests).toEqual([]);
  });

  test.each(WAYS)("has everything behind it that %s sends", async (_what, call) => {
    const { watch, gate } = watched();
    const around: string[] = [];
    await using vendor = await startVendor((url) => {
      if (watch.inside === 0) around.push(url);
    });
    await call(gate, vendor.url).catch(() => undefined);
    expect([around, vendor.requests.length > 0]).toEqual([[], true]);
  });

  test("that is shut keeps back the Pub/Sub API, and the login for it", async () => {
    await using pubSub = await startPubSub();
    const { endpoint, certificate } = pubSub;
    let logins = 0;
    const session = async () => {
      logins += 1;
      return { accessToken: "t", instanceUrl: "https://acme.my.salesforce.com" };
    };
    const work = createPubSub(shut)({ endpoint, certificate, orgId: ORG, session }, async () => "connected");
    await expect(work).rejects.toMatchObject({ code: "BREAKER_OPEN" });
    expect([logins, pubSub.seen.connections()]).toEqual([0, 0]);
  });

  test("is not asked for a session that is kept: nothing is called, so nothing is learned of Salesforce", async () => {
    await using vendor = await startVendor();
    const { watch, gate } = watched();
    const org = salesforce("live")(gate, vendor.url);
    await org.session();
    await org.session();
    expect([watch.entered, vendor.requests.length]).toEqual([1, 1]);
    await org.session({ renew: true });
    expect([watch.entered, vendor.requests.length]).toEqual([2, 2]);
  });
});
