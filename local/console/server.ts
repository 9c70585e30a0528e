import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createEmulator, defineEmulator, type EmulatorContext } from "emulate";
import { listen, toRequest, write } from "../saas/front/listen.ts";
import { type Login, SalesforceApi, SalesforceRefusal } from "./salesforce.ts";
import { createTargets, type Targets, type TargetsOptions, type View } from "./targets.ts";

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
const MAX_BODY_BYTES = 64 * 1024;
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
  const salesforce = new SalesforceApi(connections.salesforce);
  const definition = defineEmulator({
    name: "console",
    cors: false,
    state: () => ({}),
    setup: ({ app }) => installRoutes(app, salesforce, targets),
  });
  const runtime = await createEmulator({ service: definition, listen: false });
  const listener = await listen({ name: "The page", port, maxBodyBytes: MAX_BODY_BYTES }, async (incoming, response) =>
    write(response, await runtime.fetch(toRequest(incoming))),
  );
  return {
    url: listener.url,
    async stop() {
      await listener.close();
      await runtime.close();
      targets.close();
    },
  };
}

type App = EmulatorContext<object>["app"];
type Context = Parameters<Parameters<App["get"]>[1]>[0];

function installRoutes(app: App, salesforce: SalesforceApi, targets: Targets): void {
  const route = (method: string, path: string, handler: (c: Context) => Promise<Response> | Response) =>
    app.on(method, path, (c) => answer(c, handler));
  const record = (c: Context) => `sobjects/Account/${encodeURIComponent(c.req.param("id"))}`;

  route("GET", "/", (c) => c.html(pageFile("index.html")));
  for (const [name, type] of Object.entries(PAGE_FILES))
    route("GET", `/${name}`, (c) => c.body(pageFile(name), 200, { "content-type": type }));

  route("GET", "/api/accounts", async (c) => {
    const soql = `SELECT Id, Name, Plan__c, LastModifiedDate FROM Account ORDER BY Name, Id LIMIT ${LISTED}`;
    const { records } = (await salesforce.call("GET", `query?q=${encodeURIComponent(soql)}`)) as { records: unknown };
    return c.json(records);
  });
  route("GET", "/api/plans", async (c) => c.json(await plansOf(salesforce)));
  route("POST", "/api/accounts", async (c) =>
    c.json(await salesforce.call("POST", "sobjects/Account", edited(await c.req.text())), 201),
  );
  route("GET", "/api/accounts/:id", async (c) => c.json(await salesforce.call("GET", record(c))));
  route("PATCH", "/api/accounts/:id", async (c) => {
    await salesforce.call("PATCH", record(c), edited(await c.req.text()));
    return c.body(null, 204);
  });
  route("DELETE", "/api/accounts/:id", async (c) => {
    await salesforce.call("DELETE", record(c));
    return c.body(null, 204);
  });
  route("GET", "/api/accounts/:id/targets", async (c) => c.json(await viewsOf(targets, c.req.param("id"))));
}

/** Gives an error of Salesforce on in its own words. */
async function answer(c: Context, handler: (c: Context) => Promise<Response> | Response): Promise<Response> {
  for (const [name, value] of Object.entries(SECURITY)) c.header(name, value);
  try {
    return await handler(c);
  } catch (error) {
    const { message } = error as Error;
    return c.json({ error: message }, error instanceof SalesforceRefusal && error.status < 500 ? error.status : 502);
  }
}

async function plansOf(salesforce: SalesforceApi): Promise<string[]> {
  const { fields } = (await salesforce.call("GET", "sobjects/Account/describe")) as {
    fields: { name: string; picklistValues: { value: string }[] }[];
  };
  return (fields.find((field) => field.name === "Plan__c")?.picklistValues ?? []).map(({ value }) => value);
}

async function viewsOf(targets: Targets, id: string): Promise<Record<string, View>> {
  const [store, billing, slack] = await Promise.all([targets.store(id), targets.billing(id), targets.slack([id])]);
  const correlationId = (store.found as { correlationId?: string } | null | undefined)?.correlationId;
  const trace = correlationId ? await targets.trace(correlationId) : { found: null };
  return { store, billing, slack, trace };
}

/** The editable fields of a form. @throws SalesforceRefusal when it is none, or holds any other */
function edited(text: string): Record<string, unknown> {
  const input = parsed(text);
  if (typeof input !== "object" || input === null) throw new SalesforceRefusal(400, "The body must be a JSON object.");
  const other = Object.keys(input).find((name) => !EDITABLE.includes(name));
  if (other !== undefined) throw new SalesforceRefusal(400, `The page does not edit ${other}.`);
  return input as Record<string, unknown>;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function pageFile(name: string): string {
  return readFileSync(join(import.meta.dirname, "public", name), "utf8");
}
