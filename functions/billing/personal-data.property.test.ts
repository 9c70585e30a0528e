import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { FleetError } from "#shared/errors.ts";
import { ungated } from "#shared/targets/gate.ts";
import { marked, markedWords, marksInError } from "#shared/testing/marked.ts";
import { type Answer, serve } from "#shared/testing/server.ts";
import { createBilling } from "./client.ts";
import { FINAL_CODES } from "./errors.ts";

const words = markedWords(["No such customer: 'cus_1' "]);
const orMarked = (...texts: string[]) => fc.oneof(fc.constantFrom(...texts), marked);
const error = fc.record({
  message: words,
  type: orMarked("invalid_request_error", "api_error", "idempotency_error", "card_error"),
  code: orMarked(...FINAL_CODES, "rate_limit", "brand_new_code"),
  param: orMarked("email", "address[line1]", "metadata[plan]"),
  doc_url: marked,
});
const body = fc.oneof(
  fc.record({ error }),
  words,
  fc.record({ error: words }),
  fc.record({ error_description: words }),
);

test("no refusal of Stripe takes a word of its own along, and its code, parameter and request stay", async () => {
  let answer: Answer = {};
  await using server = await serve(() => answer);
  const billing = createBilling(async () => ({ apiKey: "sk_test_1", baseUrl: server.url }), { gate: ungated });
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(200, 302, 400, 401, 402, 404, 409, 429, 500), body, async (status, some) => {
      answer = { status, headers: { "request-id": "req_7", "stripe-should-retry": "false" }, body: some };
      const request = { idempotencyKey: "key", before: async () => true };
      const failed = await billing.create({ salesforce_account_id: "001" }, request).catch((caught) => caught);
      expect(failed).toBeInstanceOf(FleetError);
      expect([marksInError(failed), failed.requestId]).toEqual([[], "req_7"]);
    }),
    { numRuns: 300 },
  );
});
