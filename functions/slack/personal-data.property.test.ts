import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { FleetError } from "#shared/errors.ts";
import { ungated } from "#shared/targets/gate.ts";
import { marked, markedWords, marksInError } from "#shared/testing/marked.ts";
import { type Answer, serve } from "#shared/testing/server.ts";
import { createSlack } from "./client.ts";
import { SLACK_ERRORS } from "./error-codes.ts";

const words = markedWords();
const refusal = fc.record({
  ok: fc.constant(false),
  error: fc.oneof(fc.constantFrom(...Object.keys(SLACK_ERRORS)), marked),
  needed: fc.oneof(fc.constant("chat:write"), marked),
  provided: marked,
  response_metadata: fc.record({ messages: fc.array(words) }),
});

test("no refusal of Slack takes a word of its own along", async () => {
  let answer: Answer = {};
  await using server = await serve(() => answer);
  const slack = createSlack(async () => ({ token: "xoxb-1", apiUrl: `${server.url}/api/`, channel: "C1" }), ungated);
  const status = fc.constantFrom(200, 400, 401, 404, 429, 500);
  await fc.assert(
    fc.asyncProperty(status, fc.oneof(refusal, words), async (status, body) => {
      answer = { status, headers: { "x-slack-req-id": "req7" }, body };
      const failed = await slack.post({ text: "x", blocks: [] }).catch((caught) => caught);
      expect(failed).toBeInstanceOf(FleetError);
      expect([marksInError(failed), failed.requestId]).toEqual([[], "req7"]);
    }),
    { numRuns: 300 },
  );
});
