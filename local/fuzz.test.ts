import { afterAll, beforeAll, expect, test } from "@jest/globals";
import fc from "fast-check";
import { BoundedRegExp } from "./bounded-regexp.ts";
import { type Servers, startServers } from "./testing.ts";

/** Processor time of this process, which does not grow while others are busy. */
const MOST_CPU_SECONDS = 1;
const RUNS = 40;

let servers: Servers;
let twin: Servers["twin"];
let saas: Servers["saas"];
let token: string;

beforeAll(async () => {
  servers = await startServers([{ Name: "a".repeat(200) }]);
  ({ twin, saas } = servers);
  const { clientId, clientSecret } = saas.connections().salesforce;
  const form = { grant_type: "client_credentials", client_id: clientId, client_secret: clientSecret };
  const login = await fetch(`${saas.salesforce.url}/services/oauth2/token`, {
    method: "POST",
    body: new URLSearchParams(form),
  });
  token = ((await login.json()) as { access_token: string }).access_token;
  await aws("logs", "Logs_20140328.CreateLogGroup", { logGroupName: "g" });
  await aws("logs", "Logs_20140328.CreateLogStream", { logGroupName: "g", logStreamName: "s" });
  const logEvents = [{ timestamp: Date.now(), message: "a".repeat(60) }];
  await aws("logs", "Logs_20140328.PutLogEvents", { logGroupName: "g", logStreamName: "s", logEvents });
});
afterAll(() => servers?.stop());

/** Sends one call and reads its answer. @returns the status; fails when the call has cost more than a second */
async function send(url: string, init: RequestInit): Promise<number> {
  const before = process.cpuUsage();
  const response = await fetch(url, init);
  await response.arrayBuffer();
  const { user, system } = process.cpuUsage(before);
  expect((user + system) / 1e6).toBeLessThan(MOST_CPU_SECONDS);
  // S3 has an error of its own for what it does not know.
  if (response.status !== 501) expect(response.status).toBeLessThan(500);
  return response.status;
}

const authorization = (service: string) => ({
  authorization: `AWS4-HMAC-SHA256 Credential=AKIA/20260101/us-east-1/${service}/aws4_request`,
});
const post = (headers: object, body: unknown) => ({
  method: "POST",
  headers: { ...headers },
  body: typeof body === "string" ? body : JSON.stringify(body),
});
const aws = (service: string, target: string, body: unknown) =>
  send(twin.origin, post({ "x-amz-target": target, ...authorization(service) }, body));
const salesforce = (path: string, body?: unknown) =>
  send(
    `${saas.salesforce.url}/services/data/v66.0/${path}`,
    body === undefined
      ? { headers: { authorization: `Bearer ${token}` } }
      : post({ authorization: `Bearer ${token}`, "content-type": "application/json" }, body),
  );
const stripe = (path: string, body: string) =>
  send(`${saas.stripe.url}/v1/${path}`, post({ authorization: `Bearer ${saas.stripe.connection().apiKey}` }, body));
const slack = (method: string, body: unknown) =>
  send(
    `${saas.slack.url}/api/${method}`,
    post({ authorization: `Bearer ${saas.slack.token}`, "content-type": "application/json" }, body),
  );

const nested = (open: string, middle: string, close: string, depth: number) =>
  open.repeat(depth) + middle + close.repeat(depth);
/** Texts that cost a careless parser or pattern far more than their length. */
const hostileText = fc.oneof(
  fc
    .tuple(fc.constantFrom("(", "[", "{", "NOT (", "size(", "!", "-", '{"a":', "$.a = (", "ABS("), fc.nat(2000))
    .chain(([open, depth]) => fc.constantFrom("", ")", "]", "}").map((close) => nested(open, "a = 1", close, depth))),
  fc
    .tuple(fc.constantFrom("a-", "*a", "%a", "a[]=1&", "\\", '"', "a.", "?a ", "a[a]", "1,"), fc.nat(5000))
    .map(([part, count]) => part.repeat(count)),
  fc.constantFrom("%(a+)+b%", "__proto__", "constructor", "%E0%A4%A", "\u0000", "", "null"),
  fc.string({ unit: "binary", maxLength: 50 }),
);
const hostileJson = fc.oneof(
  hostileText,
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom(nested('{"a":', "1", "}", 20_000), nested("[", "", "]", 20_000), "null", "[]", "1", "{"),
);

/** Members that the services parse by a grammar of their own, or look things up by. */
const MEMBERS = [
  ...[
    "TableName",
    "Key",
    "Item",
    "KeyConditionExpression",
    "FilterExpression",
    "ConditionExpression",
    "UpdateExpression",
  ],
  ...["ProjectionExpression", "QueueUrl", "MessageBody", "EventPattern", "Event", "Name", "ScheduleExpression"],
  ...["Entries", "definition", "input", "filterPattern", "logGroupName", "SecretId", "MetricDataQueries", "Expression"],
  ...["FilterExpression", "StartTime", "EndTime", "TransactItems", "RequestItems", "Attributes", "stateMachineArn"],
];
const awsInput = fc.oneof(
  fc.dictionary(fc.constantFrom(...MEMBERS), fc.oneof(hostileText, fc.jsonValue()), { maxKeys: 4 }),
  hostileJson,
);

const JSON_SERVICES: readonly [string, string][] = [
  ["dynamodb", "DynamoDB_20120810."],
  ["sqs", "AmazonSQS."],
  ["events", "AWSEvents."],
  ["states", "AWSStepFunctions."],
  ["logs", "Logs_20140328."],
  ["monitoring", "GraniteServiceVersion20100801."],
  ["secretsmanager", "secretsmanager."],
  ["ssm", "AmazonSSM."],
  ["ecr", "AmazonEC2ContainerRegistry_V20150921."],
];

test("every service that speaks JSON is listed", () => {
  const registered = twin.kernel.services().filter(({ wire }) => wire.kind === "json");
  expect(JSON_SERVICES.map(([name]) => name).sort()).toEqual(registered.map(({ name }) => name).sort());
});

test.each(JSON_SERVICES)("%s answers whatever comes", async (service, prefix) => {
  const operations = Object.keys(twin.kernel.service(service).operations);
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...operations), awsInput, async (operation, input) => {
      expect(await aws(service, prefix + operation, input)).toBeGreaterThanOrEqual(200);
    }),
    { numRuns: RUNS },
  );
});

test.each(["s3", "lambda", "xray", "sts", "iam", "cloudformation"])("%s answers whatever comes", async (service) => {
  const paths = [
    "/",
    "/TraceSummaries",
    "/TraceSegments",
    "/Traces",
    "/2015-03-31/functions",
    "/b/k",
    "/%E0%A4%A",
    "/%00",
  ];
  const actions = fc.constantFrom("GetCallerIdentity", "CreateChangeSet", "DescribeStackEvents", "ValidateTemplate");
  const form = fc.tuple(actions, hostileText).map(([action, text]) => `Action=${action}&TemplateBody={}&${text}`);
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...paths), fc.oneof(awsInput, form), async (path, input) => {
      const type = { "content-type": "application/x-www-form-urlencoded" };
      const headers = {
        ...authorization(service),
        ...(typeof input === "string" && input.startsWith("Action") ? type : {}),
      };
      expect(await send(`${twin.origin}${path}`, post(headers, input))).toBeGreaterThanOrEqual(200);
    }),
    { numRuns: RUNS },
  );
});

test("Salesforce, Stripe, Slack and the page answer whatever comes", async () => {
  const calls: readonly ((text: string, json: unknown) => Promise<number>)[] = [
    (text) => salesforce(`query?q=${encodeURIComponent(`SELECT Id FROM Account WHERE ${text}`.slice(0, 4000))}`),
    (text) =>
      salesforce(`query?q=${encodeURIComponent(`SELECT Id FROM Account WHERE Name LIKE '${text}b'`.slice(0, 4000))}`),
    (_, json) => salesforce("sobjects/Account", json),
    (_, json) => salesforce("composite", json),
    (text) => stripe("customers", text),
    (text) => stripe("customers", `name=${text}&metadata[${text}]=1`),
    (_, json) => slack("chat.postMessage", json),
    (_, json) => send(`${saas.page.url}/api/accounts`, post({ "content-type": "application/json" }, json)),
    (_, json) => send(`${saas.slack.url}/__emulator__/faults`, post({}, json)),
  ];
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...calls), hostileText, hostileJson, async (call, text, json) => {
      expect(await call(text, json)).toBeGreaterThanOrEqual(200);
    }),
    { numRuns: 4 * RUNS },
  );
});

test.each<[string, () => Promise<number>]>([
  [
    "a key condition of a megabyte",
    () => aws("dynamodb", "DynamoDB_20120810.Query", { KeyConditionExpression: "a-".repeat(2 ** 19) }),
  ],
  [
    "a regular expression of a log filter",
    () => aws("logs", "Logs_20140328.FilterLogEvents", { logGroupName: "g", filterPattern: "%(a+)+b%" }),
  ],
  [
    "a LIKE of many wildcards",
    () => salesforce(`query?q=${encodeURIComponent(`SELECT Id FROM Account WHERE Name LIKE '${"%a".repeat(30)}%b'`)}`),
  ],
  ["a form of many members", () => stripe("customers", "a[]=1&".repeat(100_000))],
  ["a form of a deep member", () => stripe("customers", `a${"[a]".repeat(100_000)}=1`)],
])("%s is refused, not worked at", async (_, call) => {
  expect(await call()).toBeGreaterThanOrEqual(400);
});

test("a fault with many stars lets the next call be answered", async () => {
  const faults = `${saas.stripe.url}/__emulator__/faults`;
  expect(await send(faults, post({}, { path: `/${"*a".repeat(3000)}b`, status: 500 }))).toBe(200);
  await send(`${saas.stripe.url}/${"a".repeat(4000)}`, {});
  await send(faults, { method: "DELETE" });
});

test("a bounded expression finds what a plain one finds", () => {
  fc.assert(
    fc.property(
      fc.stringMatching(/^[abc]{0,20}$/),
      fc.constantFrom("a+b", "^(a|b)*$", "(?<x>c)", "[ab]+?c"),
      (text, source) => {
        expect(text.replace(new BoundedRegExp(source, "g"), "<$&>")).toBe(
          text.replace(new RegExp(source, "g"), "<$&>"),
        );
        expect(new BoundedRegExp(source).test(text)).toBe(new RegExp(source).test(text));
      },
    ),
  );
  expect(() => new BoundedRegExp("(a+)+b").test("a".repeat(60))).toThrow(/timed out/);
});
