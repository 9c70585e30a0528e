import { createHash } from "node:crypto";
import { SQSClient } from "@aws-sdk/client-sqs";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { createMessageSender, MAX_MESSAGE_BYTES } from "./send-messages.ts";
import { type Answer, serve, type TestServer } from "./testing/server.ts";

interface Entry {
  readonly Id: string;
  readonly MessageBody: string;
}

/** A queue that answers per entry; `fault` says what is wrong with an entry, if anything. */
function queue(fault: (entry: Entry, call: number) => object | undefined = () => undefined) {
  let call = 0;
  const taken: string[] = [];
  const answer = ({ body }: { body: string }): Answer => {
    call += 1;
    const Successful: object[] = [];
    const Failed: object[] = [];
    for (const entry of JSON.parse(body).Entries as Entry[]) {
      const failed = fault(entry, call);
      if (failed) Failed.push({ Id: entry.Id, ...failed });
      else {
        taken.push(entry.MessageBody);
        Successful.push({ Id: entry.Id, MessageId: "id", MD5OfMessageBody: md5(entry.MessageBody) });
      }
    }
    return { headers: { "content-type": "application/x-amz-json-1.0" }, body: { Successful, Failed } };
  };
  return { answer, taken };
}

function md5(text: string): string {
  return createHash("md5").update(text).digest("hex");
}

function senderAt({ url }: Pick<TestServer, "url">, pauses: number[] = []) {
  const credentials = { accessKeyId: "test", secretAccessKey: "test" };
  const client = new SQSClient({ endpoint: url, region: "eu-central-1", credentials, maxAttempts: 1 });
  return createMessageSender(`${url}/123456789012/changes`, {
    client,
    pause: async (ms: number) => void pauses.push(ms),
  });
}

const entriesOf = (server: TestServer): Entry[][] => server.requests.map(({ body }) => JSON.parse(body).Entries);
const BUSY = { SenderFault: false, Code: "InternalError", Message: "busy" };

describe("the sender", () => {
  test("sends ten messages a call, in order", async () => {
    const { answer, taken } = queue();
    await using server = await serve(answer);
    const bodies = Array.from({ length: 23 }, (_, n) => `message ${n}`);
    await senderAt(server)(bodies);
    expect(taken).toEqual(bodies);
    expect(entriesOf(server).map((entries) => entries.length)).toEqual([10, 10, 3]);
    expect(JSON.parse(server.requests[0]?.body ?? "").QueueUrl).toMatch(/changes$/);
  });

  test("asks nothing for no messages", async () => {
    await using server = await serve(queue().answer);
    await senderAt(server)([]);
    expect(server.requests).toEqual([]);
  });

  test("keeps every call within ten entries and one megabyte, loses and doubles nothing", async () => {
    const { answer, taken } = queue();
    await using server = await serve(answer);
    const sizes = fc.array(fc.constantFrom(1, 1000, 100_000, 300_000, 600_000, MAX_MESSAGE_BYTES), { maxLength: 25 });
    await fc.assert(
      fc.asyncProperty(sizes, async (list) => {
        taken.length = 0;
        server.requests.length = 0;
        const bodies = list.map((size, n) => String(n % 10).repeat(size));
        await senderAt(server)(bodies);
        expect(taken.map((body) => `${body[0]} × ${body.length}`)).toEqual(
          bodies.map((body) => `${body[0]} × ${body.length}`),
        );
        for (const entries of entriesOf(server)) {
          expect(entries.length).toBeLessThanOrEqual(10);
          const bytes = entries.reduce((sum, { MessageBody }) => sum + Buffer.byteLength(MessageBody), 0);
          expect(bytes).toBeLessThanOrEqual(MAX_MESSAGE_BYTES);
        }
      }),
      { numRuns: 20 },
    );
  });

  test("counts bytes, not characters, and refuses a message that can never be sent before it sends anything", async () => {
    await using server = await serve(queue().answer);
    const tooLarge = "ä".repeat(MAX_MESSAGE_BYTES / 2 + 1);
    await expect(senderAt(server)(["fine", tooLarge])).rejects.toMatchObject({
      name: "InvalidInputError",
      code: "MESSAGE_TOO_LARGE",
    });
    expect(server.requests).toEqual([]);
  });
});

describe("when entries fail", () => {
  test("sends only those again, with growing pauses", async () => {
    const { answer, taken } = queue(({ MessageBody }, call) => (MessageBody === "b" && call < 3 ? BUSY : undefined));
    await using server = await serve(answer);
    const pauses: number[] = [];
    await senderAt(server, pauses)(["a", "b", "c"]);
    expect(taken).toEqual(["a", "c", "b"]);
    expect(entriesOf(server).map((entries) => entries.length)).toEqual([3, 1, 1]);
    expect(pauses).toEqual([100, 200]);
  });

  test("gives up after four rounds with a TransientError that says why", async () => {
    await using server = await serve(queue(({ MessageBody }) => (MessageBody === "b" ? BUSY : undefined)).answer);
    await expect(senderAt(server)(["a", "b"])).rejects.toMatchObject({
      name: "TransientError",
      message: expect.stringMatching(/1 messages not taken: .*changes: InternalError$/),
    });
    expect(server.requests).toHaveLength(4);
  });

  test("takes an entry that the answer does not tell of for not sent", async () => {
    let calls = 0;
    const { answer } = queue();
    await using server = await serve((request) => {
      calls += 1;
      return calls === 1 ? { body: { Successful: [], Failed: [] } } : answer(request);
    });
    await senderAt(server)(["a"]);
    expect(server.requests).toHaveLength(2);
  });

  test("does not repeat what SQS calls our own fault", async () => {
    const fault = { SenderFault: true, Code: "InvalidMessageContents", Message: "bad characters" };
    await using server = await serve(queue(() => fault).answer);
    await expect(senderAt(server)(["a"])).rejects.toMatchObject({
      name: "RejectedByTargetError",
      code: "InvalidMessageContents",
    });
    expect(server.requests).toHaveLength(1);
  });
});

describe("when the call fails", () => {
  test.each<[string, Answer, string]>([
    [
      "it is not allowed",
      { status: 403, body: { __type: "AccessDeniedException", message: "no" } },
      "NotAuthorizedError",
    ],
    ["SQS has a bad moment", { status: 500, body: { __type: "InternalError", message: "oops" } }, "TransientError"],
    ["the connection is cut", "reset", "TransientError"],
  ])("because %s", async (_why, answer, name) => {
    await using server = await serve(() => answer);
    await expect(senderAt(server)(["a"])).rejects.toMatchObject({
      name,
      message: expect.stringMatching(/^SQS SendMessageBatch to .*changes failed: /),
    });
  });
});
