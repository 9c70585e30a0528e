import { DynamoDBClient, GetItemCommand } from "@aws-sdk/client-dynamodb";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { awsClient } from "./aws.ts";
import { awsError } from "./aws-errors.ts";
import { bareCopy, bareMessage, networkCodeOf, strip } from "./bare-error.ts";
import { ContractError, describeError, FleetError, TransientError } from "./errors.ts";
import { describeIssues } from "./issues.ts";
import { plainError } from "./parked/plain-words.ts";
import { marked, markedWords, marksIn, marksInError } from "./testing/marked.ts";
import { serve } from "./testing/server.ts";
import { codeIn, idIn, nameIn, networkCodeIn, requestIdIn } from "./words.ts";

const SENTENCES = [
  "Cannot read properties of undefined (reading 'name')",
  "User: arn:aws:sts::1:assumed-role/x is not authorized to perform: dynamodb:GetItem on resource: arn:aws:dynamodb:x ",
  "Requested resource not found: Table: customers not found ",
];
const words = markedWords(SENTENCES);
const names = fc.constantFrom("Error", "TypeError", "AccessDeniedException", "ValidationException", "States.Runtime");

/** What is thrown somewhere beneath us, with a mark in every place that may hold one. */
const thrown = fc
  .record({ message: words, name: fc.oneof(names, marked), mark: marked, deep: fc.boolean() })
  .map(({ message, name, mark, deep }) => {
    const inner = Object.assign(new Error(message), {
      name,
      code: mark,
      body: { mark },
      requestId: "Erika Quellmustermann",
      status: 400,
    });
    return deep ? Object.assign(new Error(message, { cause: inner }), { errors: [inner], $metadata: mark }) : inner;
  });

/** Names of people in several scripts, and in the spellings in which they might be taken for a code. */
const person = fc
  .tuple(
    fc.constantFrom(
      "Erika",
      "ERIKA",
      "Søren",
      "Nguyễn",
      "Александра",
      "太郎",
      "فاطمة",
      "Ελένη",
      "O'Brien",
      "Jean-Luc",
      "DeVito",
    ),
    fc.constantFrom(
      "Quellmustermann",
      "McDonald",
      "EXAMPLE",
      "Знакомцева",
      "山田",
      "المعلمة",
      "van der Berg",
      "Smith3",
    ),
    fc.constantFrom(" ", ".", "", "-", ", "),
  )
  .chain(([first, last, between]) =>
    fc.constantFrom(first, last, `${first}${between}${last}`, `${last}${between}${first}`),
  )
  .chain((name) => fc.constantFrom(name, name.toUpperCase(), name.toLowerCase(), name.replace(/[^A-Za-z]/g, "")))
  .filter((name) => name !== "");

test("nobody's name is taken for a code, a class of errors, a code of the network, an id of a request or an id", () => {
  const known = ["ratelimited", "INVALIDJOB"];
  fc.assert(
    fc.property(person, (name) => {
      expect([codeIn(name, known, ""), nameIn(name, ""), networkCodeIn(name)]).toEqual(["", "", ""]);
      expect(networkCodeOf({ cause: { code: name } })).toBe("");
      if (!/\d/.test(name)) expect([requestIdIn(name), idIn(name)]).toEqual([undefined, undefined]);
      expect(bareMessage({ message: name, code: name })).not.toContain(name);
      expect(bareCopy(Object.assign(new Error(name), { name, code: name, requestId: "x" }))).toMatchObject({
        name: "Error",
      });
    }),
    { numRuns: 300 },
  );
});

test("what is a code, a class of errors or a code of the network is told", () => {
  for (const code of ["UNABLE_TO_LOCK_ROW", "invalid_grant", "msg_too_long", "UND_ERR_SOCKET", "ERROR_HTTP_405"])
    expect(codeIn(code)).toBe(code);
  expect([codeIn("INVALIDJOB", ["INVALIDJOB"]), codeIn("ratelimited", ["ratelimited"])]).toEqual([
    "INVALIDJOB",
    "ratelimited",
  ]);
  for (const code of ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "UND_ERR_CONNECT_TIMEOUT", "CERT_HAS_EXPIRED"])
    expect(networkCodeIn(code)).toBe(code);
  for (const name of ["TypeError", "ThrottlingException", "AccessDenied", "QueueDoesNotExist", "InvalidArn", "Error"])
    expect(nameIn(name, "")).toBe(name);
  for (const name of ["States.Runtime", "Sandbox.Timedout", "AWS.SimpleQueueService.NonExistentQueue", "DynamoDB.X"])
    expect(nameIn(name, "")).toBe(name);
});

test("marks are found in an error, wherever they are", () => {
  fc.assert(
    fc.property(thrown, (error) => {
      expect(marksInError(error)).not.toEqual([]);
    }),
  );
});

test("no error of the fleet takes marks along with its cause, and no log or trace has them", () => {
  fc.assert(
    fc.property(thrown, (error) => {
      expect(marksInError(new TransientError("CODE", "words", { cause: error }))).toEqual([]);
      expect(marksInError(bareCopy(error))).toEqual([]);
      expect(marksInError(awsError(error, "DynamoDB GetItem"))).toEqual([]);
      expect(marksIn(JSON.stringify(describeError(error)))).toEqual([]);
      expect(marksIn(JSON.stringify(describeError(error.message)))).toEqual([]);
      strip(error);
      expect([marksIn(error.message), marksIn(String(error.stack)), marksInError(error.cause)]).toEqual([[], [], []]);
    }),
    { numRuns: 500 },
  );
});

test("a cause that is an error of ours, and with it what it is known by, stays as it is", () => {
  const inner = new ContractError("BAD", "ours");
  expect(new TransientError("CODE", "words", { cause: inner }).cause).toBe(inner);
});

test("a cause keeps its class, codes, status, request id and the places it came through", () => {
  const about = { code: "ECONNREFUSED", address: "127.0.0.1", port: 1, statusCode: 503, requestId: "req_7" };
  const cause = Object.assign(new TypeError("Erika\n    at Erika (/secret.js:1:1)"), about);
  const error = new TransientError("CODE", "words", { cause });
  const { statusCode, ...same } = about;
  expect(error.cause).toMatchObject({ name: "TypeError", status: statusCode, ...same });
  expect((error.cause as Error).stack).toMatch(/^TypeError: .*\n {4}at .*words\.property\.test\.ts:\d+:\d+/);
  expect((error.cause as Error).stack).not.toContain("secret");
  expect(describeError(error)).toEqual({ name: "TransientError", message: "words", requestId: "req_7" });
});

test("what Step Functions and Lambda say of a run is told without its input", () => {
  const services = fc.constantFrom("States.Runtime", "States.QueryEvaluationError", "Lambda.Unknown", "DynamoDB.X");
  fc.assert(
    fc.property(services, words, (name, Cause) => {
      expect(marksIn(JSON.stringify(plainError({ Error: name, Cause })))).toEqual([]);
    }),
  );
  const timedOut = { Error: "Sandbox.Timedout", Cause: "RequestId: 1 Error: Task timed out after 3.00 seconds" };
  expect(plainError(timedOut).message).toBe("Sandbox.Timedout: Task timed out after 3.00 seconds");
});

test("the issues of an input name no key and no value of it", () => {
  fc.assert(
    fc.property(marked, (mark) => {
      const issues = [
        { path: ["data", mark, 0], code: "invalid_type", message: "Invalid input: expected string" },
        { path: [], code: "unrecognized_keys", message: `Unrecognized key: "${mark}"` },
      ];
      expect(describeIssues(issues)).toBe("data.….0: Invalid input: expected string; (root): has unknown members");
    }),
  );
});

describe("a client of AWS", () => {
  const credentials = { accessKeyId: "test", secretAccessKey: "test" };

  test("throws nothing of AWS's words but those that are known, so that X-Ray's own step has none either", async () => {
    let answer = {};
    await using server = await serve(() => ({
      status: 400,
      headers: { "content-type": "application/x-amz-json-1.0", "x-amzn-requestid": "REQ1" },
      body: answer,
    }));
    const client = awsClient(
      new DynamoDBClient({ endpoint: server.url, region: "us-east-1", credentials, maxAttempts: 1 }),
    );
    await fc.assert(
      fc.asyncProperty(names, words, async (name, message) => {
        answer = { __type: `com.amazonaws.dynamodb.v20120810#${name}`, message };
        const error = await client.send(new GetItemCommand({ TableName: "t", Key: {} })).catch((caught) => caught);
        expect(marksIn(`${error.message} ${error.stack}`)).toEqual([]);
        const ours = awsError(error, "DynamoDB GetItem on t");
        expect(ours).toBeInstanceOf(FleetError);
        expect([marksInError(ours), ours.requestId]).toEqual([[], "REQ1"]);
      }),
    );
    client.destroy();
  });
});
