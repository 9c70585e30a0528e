import { EventBridgeClient } from "@aws-sdk/client-eventbridge";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { customerDeleted } from "./contracts/events.ts";
import { createEvent, createPublisher, type OutgoingEvent } from "./publish.ts";
import { version } from "./testing/customers-table.ts";
import { TRACE, METADATA as WHOLE } from "./testing/metadata.ts";
import { type Answer, serve, type TestServer } from "./testing/server.ts";

const { schemaVersion: _, ...METADATA } = WHOLE;
const DATA = { customerId: "0015f00002J9YaUAAV", orgId: METADATA.orgId, version: version(1) };

const eventOf = (members: Record<string, unknown> = {}, traceHeader?: string): OutgoingEvent =>
  createEvent(customerDeleted, { ...METADATA, ...(traceHeader ? { traceHeader } : {}) }, { ...DATA, ...members });

interface Entry {
  readonly Detail: string;
  readonly TraceHeader?: string;
}

const entriesOf = (server: TestServer): Entry[][] => server.requests.map(({ body }) => JSON.parse(body).Entries);
const accepted = (body: string): Answer => ({
  body: { FailedEntryCount: 0, Entries: JSON.parse(body).Entries.map(() => ({ EventId: "id" })) },
});

function publisherAt({ url }: Pick<TestServer, "url">) {
  const credentials = { accessKeyId: "test", secretAccessKey: "test" };
  return createPublisher(
    "fleet-test",
    new EventBridgeClient({ endpoint: url, region: "eu-central-1", credentials, maxAttempts: 1 }),
  );
}

describe("createEvent", () => {
  test("fills in id and schema version", () => {
    const { eventId: _unused, ...metadata } = METADATA;
    const { detail } = createEvent(customerDeleted, metadata, DATA);
    expect(detail).toEqual({
      metadata: { ...metadata, eventId: expect.stringMatching(/^[0-9a-f-]{36}$/), schemaVersion: 1 },
      data: DATA,
    });
  });

  test("refuses data that does not fit the contract, with its path", () => {
    expect(() => eventOf({ version: "1" })).toThrow(
      /customer\.deleted does not fit its contract: data\.version: must be/,
    );
  });
});

// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
describe("the publisher", () => {
  test("puts entries with source, type, detail and trace", async () => {
    await using server = await serve(({ body }) => accepted(body));
    const event = eventOf({}, TRACE);
    expect(await publisherAt(server)([event])).toEqual([{ event }]);
    expect(entriesOf(server)).toEqual([
      [
        {
          EventBusName: "fleet-test",
          Source: "fleet.salesforce",
          DetailType: "customer.deleted",
          Detail: JSON.stringify(event.detail),
          TraceHeader: TRACE,
        },
      ],
    ]);
  });

  test("asks nothing for no events", async () => {
    await using server = await serve(({ body }) => accepted(body));
    expect(await publisherAt(server)([])).toEqual([]);
    expect(server.requests).toEqual([]);
  });

  test("keeps every batch within ten entries and one megabyte, in order, losing none", async () => {
    await using server = await serve(({ body }) => accepted(body));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom(1, 10, 300_000, 700_000), { maxLength: 25 }), async (sizes) => {
        server.requests.length = 0;
        const events = sizes.map((size, n) => eventOf({ n, padding: "x".repeat(size) }));
        const results = await publisherAt(server)(events);
        expect(results.every(({ error }) => error === undefined)).toBe(true);
        const sent = entriesOf(server);
        for (const entries of sent) {
          expect(entries.length).toBeLessThanOrEqual(10);
          expect(entries.reduce((bytes, { Detail }) => bytes + Detail.length, 0)).toBeLessThanOrEqual(1024 * 1024);
        }
        // Several calls are under way at once, so only the order within each is known.
        const numbers = sent.map((entries) => entries.map(({ Detail }) => JSON.parse(Detail).data.n as number));
        for (const some of numbers) expect(some).toEqual(some.toSorted((a, b) => a - b));
        expect(numbers.flat().sort((a, b) => a - b)).toEqual(sizes.map((_size, n) => n));
      }),
      { numRuns: 10 },
    );
  });

  test("answers for each entry alone", async () => {
    await using server = await serve(() => ({
      body: {
        FailedEntryCount: 3,
        Entries: [
          { EventId: "1" },
          { ErrorCode: "ThrottlingException", ErrorMessage: "slow" },
          { ErrorCode: "NotAuthorizedForSourceException", ErrorMessage: "no" },
          { ErrorCode: "MalformedDetail", ErrorMessage: "bad" },
        ],
      },
    }));
    const results = await publisherAt(server)([eventOf(), eventOf(), eventOf(), eventOf()]);
    expect(results.map(({ error }) => error?.name)).toEqual([
      undefined,
      "TransientError",
      "NotAuthorizedError",
      "InvalidInputError",
    ]);
  });

  test("refuses an event that is too large alone, and puts the others", async () => {
    await using server = await serve(({ body }) => accepted(body));
    const results = await publisherAt(server)([eventOf({ padding: "é".repeat(600_000) }), eventOf()]);
    expect(results.map(({ error }) => (error as { code?: string } | undefined)?.code)).toEqual([
      "EVENT_TOO_LARGE",
      undefined,
    ]);
    expect(entriesOf(server).flat()).toHaveLength(1);
  });

  test.each([
    ["AccessDeniedException", 400, "NotAuthorizedError"],
    ["InternalException", 500, "TransientError"],
    ["ThrottlingException", 400, "TransientError"],
  ])("%s fails every event of its call", async (type, status, name) => {
    await using server = await serve(() => ({ status, body: { __type: type, message: "no" } }));
    const results = await publisherAt(server)([eventOf(), eventOf()]);
    expect(results.map(({ error }) => error?.name)).toEqual([name, name]);
  });

  test("an unreachable bus is TransientError", async () => {
    const [result] = await publisherAt({ url: "http://127.0.0.1:1" })([eventOf()]);
    expect(result?.error?.name).toBe("TransientError");
  });
});
