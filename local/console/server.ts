import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Hono } from "hono";
import { listen, toRequest, write } from "../saas/front/listen.ts";
import { type Login, SalesforceApi, SalesforceRefusal } from "./salesforce.ts";
import { createTargets, type TargetsOptions } from "./targets.ts";

export interface ConsoleOptions {
  /** 0 takes any free port. */
  readonly port: number;
  readonly aws: TargetsOptions["aws"];
  /** `salesforce` is the login of the person who edits. */
  readonly connections: {
    readonly salesforce: Login;
    readonly stripe: TargetsOptions["stripe"];
    readonly slack: TargetsOptions["slack"];
  };
}

/** The page that plays the person at Salesforce. */
export interface Console {
  readonly url: string;
  stop(): Promise<void>;
}

interface Account {
  readonly Id: string;
  readonly [field: string]: unknown;
}

/** What the form edits; anything else is refused. */
const EDITABLE = [
  "Name",
  "Billing_Email__c",
  "Phone",
  "Plan__c",
  "BillingStreet",
  "BillingCity",
  "BillingState",
  "BillingPostalCode",
  "BillingCountry",
];
const LISTED = 200;
const PAGE_FILES: Readonly<Record<string, string>> = {
  "index.html": "text/html; charset=utf-8",
  "style.css": "text/css; charset=utf-8",
  "app.js": "text/javascript; charset=utf-8",
};
const SECURITY = {
  "content-security-policy": "default-src 'self'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
  "cache-control": "no-store",
};

/**
 * Serves the page and its API on loopback.
 * @throws Error with one sentence when the port is taken
 */
export async function startConsole({ port, aws, connections }: ConsoleOptions): Promise<Console> {
  const targets = createTargets({ aws, stripe: connections.stripe, slack: connections.slack });
  const app = createApp(new SalesforceApi(connections.salesforce), targets);
  const listener = await listen("The page", port, async (incoming, response) =>
    write(response, await app.fetch(toRequest(incoming))),
  );
  return {
    url: listener.url,
    async stop() {
      await listener.close();
      targets.close();
    },
  };
}

function createApp(salesforce: SalesforceApi, targets: ReturnType<typeof createTargets>): Hono {
  const app = new Hono();
  app.onError((error, c) => {
    const status = error instanceof SalesforceRefusal && error.status < 500 ? error.status : 502;
    return c.json({ error: error.message }, status as 400);
  });
  app.use("*", async (c, next) => {
    const refusal = refuseForeign(c.req.raw);
    if (refusal) return refusal;
    await next();
    for (const [name, value] of Object.entries(SECURITY)) c.header(name, value);
  });

  app.get("/", (c) => c.html(pageFile("index.html")));
  for (const [name, type] of Object.entries(PAGE_FILES))
    app.get(`/${name}`, (c) => c.body(pageFile(name), 200, { "content-type": type }));

  app.get("/api/accounts", async (c) => {
    const soql = `SELECT Id, Name, Plan__c, LastModifiedDate FROM Account ORDER BY Name, Id LIMIT ${LISTED}`;
    const { records } = (await salesforce.call("GET", `query?q=${encodeURIComponent(soql)}`)) as { records: unknown };
    return c.json(records);
  });
  app.get("/api/plans", async (c) => {
    const { fields } = (await salesforce.call("GET", "sobjects/Account/describe")) as {
      fields: { name: string; picklistValues: { value: string }[] }[];
    };
    const plan = fields.find((field) => field.name === "Plan__c");
    return c.json((plan?.picklistValues ?? []).map(({ value }) => value));
  });
  app.post("/api/accounts", async (c) => {
    return c.json(await salesforce.call("POST", "sobjects/Account", edited(await c.req.json())), 201);
  });
  app.get("/api/accounts/:id", async (c) => c.json((await read(salesforce, c.req.param("id"))) as object));
  app.patch("/api/accounts/:id", async (c) => {
    await salesforce.call(
      "PATCH",
      `sobjects/Account/${encodeURIComponent(c.req.param("id"))}`,
      edited(await c.req.json()),
    );
    return c.body(null, 204);
  });
  app.delete("/api/accounts/:id", async (c) => {
    await salesforce.call("DELETE", `sobjects/Account/${encodeURIComponent(c.req.param("id"))}`);
    return c.body(null, 204);
  });
  app.get("/api/accounts/:id/targets", async (c) => {
    const id = c.req.param("id");
    const [store, billing, slack] = await Promise.all([targets.store(id), targets.billing(id), targets.slack([id])]);
    const correlationId = (store.found as { correlationId?: string } | null | undefined)?.correlationId;
    const trace = correlationId ? await targets.trace(correlationId) : { found: null };
    return c.json({ store, billing, slack, trace });
  });
  return app;
}

async function read(salesforce: SalesforceApi, id: string): Promise<Account> {
  return (await salesforce.call("GET", `sobjects/Account/${encodeURIComponent(id)}`)) as Account;
}

/** The editable fields of a form. @throws SalesforceRefusal when it holds any other */
function edited(input: Record<string, unknown>): Record<string, unknown> {
  const other = Object.keys(input).find((name) => !EDITABLE.includes(name));
  if (other) throw new SalesforceRefusal(400, `The page does not edit ${other}.`);
  return input;
}

/** Only this page, opened by its own address, may use the API: no other site, and no name that points to loopback. */
function refuseForeign(request: Request): Response | undefined {
  const { host } = new URL(request.url);
  const named = request.headers.get("host") ?? "";
  const isOwnName = named === host || named === host.replace("127.0.0.1", "localhost");
  const site = request.headers.get("sec-fetch-site");
  const isOwnSite = site === null || site === "same-origin" || site === "none";
  const isWrite = request.method !== "GET" && request.method !== "HEAD";
  const isJson = (request.headers.get("content-type") ?? "").startsWith("application/json");
  if (!isOwnName || (isWrite && !(isOwnSite && (isJson || request.method === "DELETE"))))
    return Response.json({ error: "This request does not come from the page." }, { status: 403 });
  return undefined;
}

function pageFile(name: string): string {
  return readFileSync(join(import.meta.dirname, "public", name), "utf8");
}
