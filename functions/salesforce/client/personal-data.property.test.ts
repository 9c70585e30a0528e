import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { FleetError } from "#shared/errors.ts";
import { marked, markedWords, marksInError } from "#shared/testing/marked.ts";
import type { Answer } from "#shared/testing/server.ts";
import { checkQuery } from "../backfill/pages.ts";
import { PUB_SUB_CODES, toFleetError as toPubSubError } from "../catch-up/errors.ts";
import { ACCOUNT } from "../testing.ts";
import { CALL_ANSWERS, RECORD_CODES, TOKEN_ANSWERS } from "./answer-tables.ts";
import { toFleetError } from "./errors.ts";
import { SALESFORCE_SENTENCES } from "./sentences.ts";
import { clientOf, startOrg } from "./testing.ts";

const SENTENCES = [
  "No such column 'Plan__c' on entity 'Account' ",
  "duplicate value found: Ext__c duplicates value on record with id: 001000000000001 ",
  "TotalRequests Limit exceeded. ",
  "authentication failure",
  "unable to obtain exclusive access to this record or 1 records: ",
];
const known = [...CALL_ANSWERS.codes, ...TOKEN_ANSWERS.codes, ...RECORD_CODES].flatMap(({ codes }) => codes);
const code = fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...known) }, marked);
const words = markedWords(SENTENCES);
const refusal = fc.record({ message: words, errorCode: code, fields: fc.array(fc.oneof(marked, fc.constant("Name"))) });
const oauth = fc.record({ error: code, error_description: words });
const status = fc.constantFrom(200, 302, 400, 401, 403, 404, 414, 429, 500, 503);
const body = fc.oneof(fc.array(refusal, { minLength: 1 }), oauth, words, fc.record({ [ACCOUNT]: words }));
const answers = fc.record({ status, body, requestId: fc.constantFrom("Erika Quellmustermann", "7a1b-22") });
const toAnswer = ({ status, body, requestId }: { status: number; body: unknown; requestId: string }): Answer => ({
  status,
  headers: { "x-sfdc-request-id": encodeURIComponent(requestId) },
  body,
});

test("no refusal of a call or a login takes a word of Salesforce's along that is not known", async () => {
  let api: Answer = {};
  let token: Answer | undefined;
  const good = (url: string): Answer => ({ body: { access_token: "t", instance_url: url } });
  await using server = await startOrg(
    () => api,
    () => token ?? good(server.url),
  );
  await fc.assert(
    fc.asyncProperty(answers, fc.boolean(), async (answer, isLogin) => {
      [api, token] = isLogin ? [{ body: [null] }, toAnswer(answer)] : [toAnswer(answer), undefined];
      const client = clientOf(server);
      const error = await client.readRecords("Account", [ACCOUNT], ["Id"]).then(
        () => undefined,
        (failed) => failed,
      );
      if (error) expect(error).toBeInstanceOf(FleetError);
      expect(marksInError(error)).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

test("no refusal of a record takes one along, and its field and code stay", async () => {
  let errors: object[] = [];
  await using server = await startOrg(() => ({ body: [{ success: false, errors }] }));
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...known), words, marked, async (statusCode, message, mark) => {
      errors = [{ statusCode, message, fields: ["Phone", mark] }];
      const [result] = await clientOf(server).updateRecords("Account", [{ Id: ACCOUNT, Name: "x" }]);
      const { error } = result as { error?: Error };
      expect(marksInError(error)).toEqual([]);
      expect(error?.message).toContain(`Account ${ACCOUNT} (Phone) with ${statusCode}`);
    }),
    { numRuns: 200 },
  );
});

test("nothing that is thrown, no status of the Pub/Sub API and no ended job takes one along", async () => {
  const codes = PUB_SUB_CODES.flatMap((row) => row.codes);
  await fc.assert(
    fc.asyncProperty(words, fc.oneof(fc.constantFrom(...codes), marked), async (text, trailer) => {
      expect(marksInError(toFleetError(new TypeError(text, { cause: new Error(text) })))).toEqual([]);
      const metadata = { get: () => [trailer] };
      const failed = Object.assign(new Error(text), { code: 3, details: text, metadata });
      expect(marksInError(toPubSubError(failed, "Subscribe"))).toEqual([]);
      expect(marksInError(toPubSubError(new Error(text), "Subscribe"))).toEqual([]);
      const job = { id: "750", state: "Failed" as const, recordsProcessed: 0, errorMessage: text };
      expect(marksInError(await checkQuery("750", { bulk: { readJob: async () => job } as never }))).toEqual([]);
    }),
  );
});

test("what is told beside a code says where it comes from, and leaves no room for text", () => {
  for (const { words: sentence, source } of SALESFORCE_SENTENCES) {
    expect(() => new URL(source)).not.toThrow();
    expect(sentence.source).not.toMatch(/\.[*+]|\[\^|\\S|\\D/);
  }
});
