import { z } from "zod";
import { SalesforceError } from "../errors.ts";
import type { Org } from "../org.ts";
import { type App, actorOf, bodyOf, type Context, INNER, json, scopeOf } from "./call.ts";
import { runRows } from "./composite-rows.ts";

const COMPOSITE = "/services/data/:version/composite";
const MAX_SUBREQUESTS = 25;

const method = z.enum(["GET", "POST", "PATCH", "PUT", "DELETE", "HEAD"]);
const compositeBody = z.strictObject({
  allOrNone: z.boolean().default(false),
  collateSubrequests: z.boolean().default(false),
  compositeRequest: z.array(
    z.strictObject({
      method,
      url: z.string().startsWith("/services/data/"),
      referenceId: z.string().regex(/^[A-Za-z]\w*$/),
      body: z.record(z.string(), z.unknown()).optional(),
      httpHeaders: z.record(z.string(), z.string()).default({}),
    }),
  ),
});
const batchBody = z.strictObject({
  haltOnError: z.boolean().default(false),
  batchRequests: z.array(
    z.strictObject({ method, url: z.string(), richInput: z.record(z.string(), z.unknown()).optional() }),
  ),
});

type Subrequest = z.output<typeof compositeBody>["compositeRequest"][number];

interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Several calls in one.
 * https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_composite_composite.htm
 */
export function installComposite(app: App, org: Org): void {
  const run = (c: Context, verb: string, url: string, body: unknown, headers: Record<string, string>) =>
    subcall(app, c, verb, url, body, headers);

  app.post(COMPOSITE, async (c) => {
    const { allOrNone, compositeRequest } = parsed(compositeBody, await bodyOf(c));
    assertCount(compositeRequest.length);
    if (allOrNone) return json(c, { compositeResponse: inOneTransaction(c, org, compositeRequest) });
    const done = new Map<string, unknown>();
    const compositeResponse = [];
    for (const one of compositeRequest) {
      const answer = await answerOf(one, done, (url, body) => run(c, one.method, url, body, one.httpHeaders));
      if (answer.status < 400) done.set(one.referenceId, answer.body);
      compositeResponse.push({
        body: answer.body,
        httpHeaders: answer.headers,
        httpStatusCode: answer.status,
        referenceId: one.referenceId,
      });
    }
    return json(c, { compositeResponse });
  });

  app.post(`${COMPOSITE}/batch`, async (c) => {
    const { haltOnError, batchRequests } = parsed(batchBody, await bodyOf(c));
    assertCount(batchRequests.length);
    const results: { statusCode: number; result: unknown }[] = [];
    for (const one of batchRequests) {
      if (haltOnError && results.some(isError)) {
        const result = [{ errorCode: "BATCH_PROCESSING_HALTED", message: "Batch processing halted per request." }];
        results.push({ statusCode: 412, result });
        continue;
      }
      const url = `/services/data/${one.url.replace(/^\/?(services\/data\/)?/, "")}`;
      const { status, body } = await run(c, one.method, url, one.richInput, {});
      results.push({ statusCode: status, result: body });
    }
    return json(c, { hasErrors: results.some(isError), results });
  });
}

const isError = ({ statusCode }: { statusCode: number }) => statusCode >= 400;

/** With allOrNone: all calls are one transaction over single records. */
function inOneTransaction(c: Context, org: Org, requests: readonly Subrequest[]): unknown[] {
  const answers = runRows(scopeOf(c, org), actorOf(c), requests.length, (index, earlier) => {
    const { method: verb, url, body = {} } = requests[index] as Subrequest;
    const good = earlier.flatMap(({ status, body: told }, at) =>
      status < 400 ? [[requests[at]?.referenceId ?? "", told] as const] : [],
    );
    const done = new Map(good);
    return { method: verb, url: resolveText(url, done), body: resolveDeep(body, done) as Record<string, unknown> };
  });
  return answers.map(({ status, body }, index) => ({
    body,
    httpHeaders: {},
    httpStatusCode: status,
    referenceId: requests[index]?.referenceId,
  }));
}

/** Fills in references to earlier answers; one that has no value halts this call. */
async function answerOf(
  { url, body }: Subrequest,
  done: ReadonlyMap<string, unknown>,
  call: (url: string, body: unknown) => Promise<Answer>,
): Promise<Answer> {
  try {
    return await call(resolveText(url, done), body === undefined ? undefined : resolveDeep(body, done));
  } catch (error) {
    if (!(error instanceof SalesforceError)) throw error;
    return { status: error.status, body: error.body(), headers: {} };
  }
}

function resolveDeep(value: unknown, done: ReadonlyMap<string, unknown>): unknown {
  if (typeof value === "string") return resolveText(value, done);
  if (Array.isArray(value)) return value.map((item) => resolveDeep(item, done));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, resolveDeep(item, done)]));
}

/** `@{ref.path}` becomes what the call `ref` has answered there. */
function resolveText(text: string, done: ReadonlyMap<string, unknown>): string {
  return text.replace(/@\{(\w+)((?:\.\w+|\[\d+\])*)\}/g, (_all, reference: string, path: string) => {
    let at: unknown = done.get(reference);
    for (const [, name, index] of path.matchAll(/\.(\w+)|\[(\d+)\]/g))
      at = (at as Record<string, unknown> | undefined)?.[name ?? String(index)];
    if (typeof at === "string" || typeof at === "number" || typeof at === "boolean") return String(at);
    const message = `Invalid reference specified. No value for ${reference}${path} found in ${reference}`;
    throw new SalesforceError(400, "PROCESSING_HALTED", message);
  });
}

/** Serves a call of the same user through the org's own routes, without counting it. */
async function subcall(
  app: App,
  c: Context,
  verb: string,
  url: string,
  body: unknown,
  headers: Record<string, string>,
): Promise<Answer> {
  const own = ["authorization", "sforce-call-options", "host"].flatMap((name) => {
    const value = c.req.header(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  const request = new Request(new URL(url, c.req.url), {
    method: verb,
    headers: { ...headers, ...Object.fromEntries(own) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  INNER.add(request);
  const response = await app.fetch(request);
  const text = await response.text();
  const location = response.headers.get("location");
  return {
    status: response.status,
    body: text === "" ? null : JSON.parse(text),
    headers: location ? { Location: location } : {},
  };
}

function parsed<Schema extends z.ZodType>(schema: Schema, body: unknown): z.output<Schema> {
  const result = schema.safeParse(body);
  if (!result.success) throw new SalesforceError(400, "JSON_PARSER_ERROR", z.prettifyError(result.error));
  return result.data;
}

function assertCount(count: number): void {
  if (count > MAX_SUBREQUESTS)
    throw new SalesforceError(
      400,
      "LIMIT_EXCEEDED",
      `Limit exceeded. Maximum number of subrequests is ${MAX_SUBREQUESTS}.`,
    );
}
