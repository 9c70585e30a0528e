import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { AwsError } from "../../local/aws/kernel/errors.ts";
import { MARKED, marksIn } from "../../shared/testing/marked.ts";
import { startTestFleet, type TestFleet } from "../support/fleet.ts";
import { readAllTold, type Told } from "../support/search.ts";
import { eventually, untilQuiet } from "../support/wait.ts";

const { names, emails, phones, addresses, secrets } = MARKED;
/** What a vendor may say around a customer's data. */
const WORDS = [...names, ...emails, ...phones, ...addresses, ...secrets].join(" / ");
const REST = "/services/data/*";
const HOUR = 3_600;
const MOST_ROUNDS = 15;

let fleet: TestFleet;
let ids: string[] = [];

beforeAll(async () => {
  fleet = await startTestFleet();
}, 60_000);

afterAll(() => fleet?.stop());

const markedAt = (n: number) => ({
  Name: names[n % names.length],
  Phone: phones[n % phones.length],
  BillingStreet: addresses[n % addresses.length],
  BillingCity: "Berlin",
  Billing_Email__c: emails[0],
});

async function createMarked(count: number): Promise<string[]> {
  const made: string[] = [];
  for (let n = 0; n < count; n += 1) {
    const { id } = await fleet.salesforce<{ id: string }>("POST", "sobjects/Account", markedAt(n));
    const contact = {
      LastName: names[0],
      Email: emails[0],
      Phone: phones[0],
      AccountId: id,
      Is_Billing_Contact__c: true,
    };
    await fleet.salesforce("POST", "sobjects/Contact", contact);
    made.push(id);
  }
  return made;
}

/** Lets some accounts change and everybody do what follows, in minutes of the scaled clock. */
async function changeAndPass(minutes: number, some = ids.slice(0, 2)): Promise<void> {
  for (const [n, id] of some.entries())
    await fleet.salesforce("PATCH", `sobjects/Account/${id}`, { Phone: `${phones[0]}${Date.now() % 1000}${n}` });
  await untilQuiet(fleet.kernel);
  await fleet.pass(minutes * 60);
}

const stripe = (status: number, error: object) => ({
  path: "/v1/customers**",
  status,
  body: { error: { message: WORDS, type: "invalid_request_error", ...error } },
});
const salesforce = (path: string, status: number, errorCode: string) => ({
  path: `${REST}${path}`,
  status,
  body: [{ message: `${WORDS}: ${errorCode}`, errorCode, fields: [names[0]] }],
});
const refusedRecord = (statusCode: string) => ({
  method: "PATCH",
  path: `${REST}/composite/sobjects`,
  status: 200,
  body: [{ success: false, errors: [{ statusCode, message: WORDS, fields: ["Billing_Status__c", names[0]] }] }],
});
const slack = (body: unknown, status = 200) => ({ path: "/api/chat.postMessage", status, body });
const token = (status: number, body: unknown) => ({ path: "/services/oauth2/token", status, body });

/** Refusals one after the other: the fault, and how often it is met at most. */
const REFUSALS = {
  stripe: [
    stripe(400, { code: "email_invalid", param: "email" }),
    stripe(400, { code: names[0], param: names[0] }),
    stripe(402, { type: "card_error", code: "tax_id_invalid" }),
    stripe(404, { code: "resource_missing" }),
    stripe(409, { type: "idempotency_error" }),
    stripe(500, { type: "api_error" }),
    { path: "/v1/customers**", status: 503, body: `<html>${WORDS}</html>` },
  ],
  salesforce: [
    salesforce("/composite/sobjects/*", 400, "INVALID_FIELD"),
    salesforce("/composite/sobjects/*", 400, "MALFORMED_QUERY"),
    salesforce("/query", 400, "INVALID_TYPE"),
    salesforce("/composite/sobjects/*", 500, "UNKNOWN_EXCEPTION"),
    { path: `${REST}/composite/sobjects/*`, status: 200, body: `<html>${WORDS}</html>` },
    ...["FIELD_CUSTOM_VALIDATION_EXCEPTION", "DUPLICATE_VALUE", "STRING_TOO_LONG", "A_CODE_OF_TOMORROW"].map(
      refusedRecord,
    ),
  ],
  login: [
    token(400, { error: "invalid_grant", error_description: WORDS }),
    token(400, { error: names[0], error_description: WORDS }),
    token(500, `<html>${WORDS}</html>`),
  ],
  slack: [
    slack({ ok: false, error: "msg_too_long", response_metadata: { messages: [WORDS] } }),
    slack({ ok: false, error: WORDS }),
    slack({ ok: false, error: "missing_scope", needed: WORDS }),
    slack(`{"ok":fal${WORDS}`),
    slack(`<html>${WORDS}</html>`, 500),
  ],
};

/** Refusals of AWS that quote the input, met by a function. */
const AWS_REFUSALS = [
  ["dynamodb", "UpdateItem", "ValidationException"],
  ["dynamodb", "PutItem", "InternalFailure"],
  ["states", "StartSyncExecution", "InvalidExecutionInput"],
  ["events", "PutEvents", "ThrottlingException"],
  ["secretsmanager", "GetSecretValue", "DecryptionFailure"],
] as const;

function refuseByAws(): void {
  for (const [service, operation, code] of AWS_REFUSALS) {
    const error = new AwsError(code, `'${WORDS}' is wrong`, { status: 400 });
    fleet.kernel.faults.push({ service, operation, times: 1, error, when: ({ kind }) => kind === "role" });
  }
}

function crash(): void {
  const when = ({ kind }: { kind: string }) => kind === "role";
  for (const operation of ["UpdateItem", "PutItem"])
    fleet.kernel.faults.push({ service: "dynamodb", operation, times: 1, crash: true, afterEffect: true, when });
}

/** Events that nobody can work, with a customer's data where it belongs and where it does not. */
async function sendMalformed(): Promise<void> {
  const source = fleet.saas.salesforce.eventSource;
  const relayed: object[] = [
    { [String(names[0])]: WORDS },
    { payload: { ChangeEventHeader: { entityName: WORDS }, Name: WORDS } },
  ];
  for (const recordIds of [[names[0]], emails, WORDS])
    relayed.push({
      payload: { ChangeEventHeader: { entityName: "Account", recordIds, commitUser: WORDS }, Name: WORDS },
    });
  for (const detail of relayed) {
    const entry = {
      Source: source,
      DetailType: WORDS.slice(0, 120),
      Detail: JSON.stringify(detail),
      EventBusName: source,
    };
    await fleet.aws("events", "PutPartnerEvents", { Entries: [entry] });
  }
  const metadata = { eventId: names[0], correlationId: names[1], causationId: names[2], orgId: names[3], actor: WORDS };
  const data = { customerId: names[0], version: phones[0], customer: { name: names[0], [String(emails[0])]: WORDS } };
  for (const type of ["customer.changed", "customer.deleted", "customer.synced", "customer.sync-failed"])
    await fleet.emit(type, { metadata, data });
}

/** The refusals that nobody has met yet. */
function unmet(): string[] {
  const { salesforce: org, stripe: billing, slack: chat } = fleet.saas;
  const rules = [org, billing, chat].flatMap(({ faults }) => faults.list());
  return rules.filter(({ timesLeft }) => timesLeft !== 0).map(({ path, status }) => `${path}: ${status}`);
}

/** Works on until every refusal was met. */
async function untilMet(work: () => Promise<void>): Promise<void> {
  for (let round = 0; round < MOST_ROUNDS && unmet().length > 0; round += 1) await work();
  expect(unmet()).toEqual([]);
}

function around(text: string, mark: string): string {
  const at = Math.max(0, text.indexOf(mark));
  return text.slice(Math.max(0, at - 700), at + 300);
}

function hitsIn(told: Told, needles: (text: string) => string[]): string[] {
  return Object.entries(told).flatMap(([place, texts]) => {
    const found = texts.flatMap((text) => needles(text).map((mark) => `${place}: ${mark} in ${around(text, mark)}`));
    return found.slice(0, 3);
  });
}

test("no customer's data and no secret leaves the targets and the inputs of parked work, whatever goes wrong", async () => {
  ids = await createMarked(5);
  await untilQuiet(fleet.kernel);
  await fleet.pass(120);
  await eventually(async () => expect(await fleet.stripeCustomers()).toHaveLength(ids.length), 60_000);

  for (const fault of REFUSALS.salesforce) fleet.saas.salesforce.faults.add(fault);
  for (const fault of REFUSALS.stripe) fleet.saas.stripe.faults.add(fault);
  for (const fault of REFUSALS.slack) fleet.saas.slack.faults.add(fault);
  refuseByAws();
  await sendMalformed();
  await untilMet(() => changeAndPass(5));
  crash();
  await changeAndPass(3);
  await fleet.pass(HOUR, 600);
  // A session that has ended makes everybody log in again.
  for (const fault of REFUSALS.login) fleet.saas.salesforce.faults.add(fault);
  fleet.saas.salesforce.faults.add(salesforce("/**", 401, "INVALID_SESSION_ID"));
  await untilMet(async () => {
    await fleet.request("reconciliation.requested", { entity: "Account", reason: "manual", full: true });
    await untilQuiet(fleet.kernel);
    await fleet.pass(300);
  });

  const told = await readAllTold(fleet);
  const { salesforce: org, stripe: billing, slack: chat } = fleet.saas.connections();
  const credentials = [...Object.values(org), ...Object.values(billing), ...Object.values(chat)]
    .filter((value): value is string => typeof value === "string" && value.length >= 16)
    .filter((value) => !value.startsWith("http") && !value.startsWith("00D"));
  const credentialsIn = (text: string) =>
    credentials.filter((secret) => text.includes(secret)).map(() => "a credential");
  expect(hitsIn(told, marksIn)).toEqual([]);
  expect(hitsIn(told, credentialsIn)).toEqual([]);

  // What was searched for was there to be found.
  const parked = await fleet.parked();
  expect(marksIn(parked.map(({ input }) => input).join("\n"))).toEqual(expect.arrayContaining([names[0], emails[0]]));
  expect(marksIn(JSON.stringify(await fleet.stripeCustomers()))).toEqual(expect.arrayContaining([names[0], names[2]]));
  for (const [place, texts] of Object.entries(told)) expect([place, texts.length > 0]).toEqual([place, true]);
}, 400_000);
