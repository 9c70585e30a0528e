import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { entry, type Harness, harness, TRACE } from "./harness.ts";

let h: Harness;
beforeEach(async () => {
  h = await harness();
});
afterEach(() => h.stop());

// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
describe("PutEvents", () => {
  const put = (...Entries: object[]) => h.call("PutEvents", { Entries });

  test("delivers the envelope, keys in AWS's order, time cut to seconds", async () => {
    await h.ruleToQueue("q");
    const { FailedEntryCount, Entries } = await put(entry({ Time: 1_763_805_600.75, Resources: ["r"] }));
    expect(FailedEntryCount).toBe(0);
    const { body } = await h.next("q");
    expect(JSON.stringify(body)).toBe(
      JSON.stringify({
        version: "0",
        id: Entries[0].EventId,
        "detail-type": "thing.happened",
        source: "fleet.test",
        account: "123456789012",
        time: "2025-11-22T10:00:00Z",
        region: "us-east-1",
        resources: ["r"],
        detail: { n: 1 },
      }),
    );
  });

  test.each([
    [{ Source: undefined }, "InvalidArgument", "Parameter Source is not valid. Reason: Source is a required argument."],
    [
      { DetailType: "" },
      "InvalidArgument",
      "Parameter DetailType is not valid. Reason: DetailType is a required argument.",
    ],
    [{ Detail: undefined }, "InvalidArgument", "Parameter Detail is not valid. Reason: Detail is a required argument."],
    [{ Detail: '"text"' }, "MalformedDetail", "Detail is malformed."],
    [{ Detail: "[1]" }, "MalformedDetail", "Detail is malformed."],
    [{ Detail: "1" }, "MalformedDetail", "Detail is malformed."],
    [{ Detail: "{" }, "MalformedDetail", "Detail is malformed."],
    [{ Detail: `${'{"a":'.repeat(1001)}1${"}".repeat(1001)}` }, "MalformedDetail", "Detail is malformed."],
    [{ Source: "aws.s3" }, "NotAuthorizedForSourceException", "Not authorized for the source."],
  ])("answers for a wrong entry in its place and delivers the others (%#)", async (wrong, ErrorCode, ErrorMessage) => {
    await h.ruleToQueue("q");
    const { FailedEntryCount, Entries } = await put(entry(wrong), entry({ Detail: '{"n":2}' }));
    expect(FailedEntryCount).toBe(1);
    expect(Entries).toEqual([{ ErrorCode, ErrorMessage }, { EventId: expect.any(String) }]);
    expect((await h.next("q")).body.detail).toEqual({ n: 2 });
  });

  test("refuses the whole call for none or more than ten entries, and above 1 MB", async () => {
    await expect(put()).rejects.toMatchObject({ code: "ValidationException" });
    await expect(put(...Array.from({ length: 11 }, () => entry()))).rejects.toMatchObject({
      code: "ValidationException",
      message: expect.stringMatching(
        /^1 validation error detected: Value '\[PutEventsRequestEntry\(time=null, source=fleet\.test, .*at 'entries' failed to satisfy constraint: Member must have length less than or equal to 10$/,
      ),
    });
    const envelope = "s".length + "d".length;
    const detail = (bytes: number) => `{"x":"${"y".repeat(bytes - 8)}"}`;
    const sized = (bytes: number) => ({ Source: "s", DetailType: "d", Detail: detail(bytes - envelope) });
    expect((await put({ ...sized(1_048_576), TraceHeader: TRACE })).FailedEntryCount).toBe(0);
    await expect(put(sized(1_048_577))).rejects.toThrow("Total size of the entries in the request is over the limit.");
    await expect(put({ ...sized(1_048_576 - 13), Time: 1 })).rejects.toThrow("over the limit");
  });

  test("succeeds for a bus that does not exist; the event vanishes", async () => {
    await h.ruleToQueue("q");
    const { Entries } = await put(entry({ EventBusName: "nowhere" }), entry());
    expect(Entries[0]).toEqual({ EventId: expect.any(String) });
    expect((await h.next("q")).body.id).toBe(Entries[1].EventId);
    expect(await h.sqs("ReceiveMessage", "q")).toEqual({});
  });

  test("takes a bus by name and by ARN", async () => {
    const { EventBusArn } = await h.call("CreateEventBus", { Name: "fleet" });
    await h.ruleToQueue("q", { bus: "fleet" });
    await put(entry({ EventBusName: EventBusArn }), entry({ EventBusName: "fleet" }), entry());
    await h.next("q");
    await h.next("q");
    expect(await h.sqs("ReceiveMessage", "q")).toEqual({});
  });

  // https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-related-service-xray.html
  test("the entry's trace header beats the caller's; an invalid one is dropped and the event kept", async () => {
    await h.ruleToQueue("q");
    const other = "Root=1-00000000-000000000000000000000000";
    for (const [TraceHeader, traceHeader, expected] of [
      [TRACE, other, TRACE],
      [undefined, TRACE, TRACE],
      ["rubbish", TRACE, undefined],
      [undefined, undefined, undefined],
    ]) {
      await h.call("PutEvents", { Entries: [entry({ TraceHeader })] }, traceHeader ? { traceHeader } : {});
      expect((await h.next("q")).attributes.AWSTraceHeader).toBe(expected);
    }
  });
});

// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutPartnerEvents.html
describe("PutPartnerEvents", () => {
  const source = "aws.partner/salesforce.com/00D000000000001/0YL000000000001";

  test("reaches the rules of the partner bus, without a trace", async () => {
    await h.call("CreateEventBus", { Name: source, EventSourceName: source });
    const arn = await h.ruleToQueue("q", {
      bus: source,
      pattern: { source: [{ prefix: "aws.partner/salesforce.com" }] },
    });
    expect(arn).toBe(`arn:aws:events:us-east-1:123456789012:rule/${source}/q`);
    const Entries = [entry({ Source: source })];
    const { FailedEntryCount } = await h.call("PutPartnerEvents", { Entries }, { traceHeader: TRACE });
    expect(FailedEntryCount).toBe(0);
    const { body, attributes } = await h.next("q");
    expect(body.source).toBe(source);
    expect(attributes).not.toHaveProperty("AWSTraceHeader");
  });

  test("is closed to roles, and takes partner sources only", async () => {
    const role = { kind: "role", arn: "a", roleArn: "r" } as const;
    await expect(
      h.call("PutPartnerEvents", { Entries: [entry({ Source: source })] }, { principal: role }),
    ).rejects.toThrow("Only SaaS partners");
    const { Entries } = await h.call("PutPartnerEvents", { Entries: [entry()] });
    expect(Entries).toEqual([expect.objectContaining({ ErrorCode: "NotAuthorizedForSourceException" })]);
  });
});

test("ForwardEvent cannot be called from the wire", async () => {
  await expect(h.call("ForwardEvent", { busArn: "default", arrival: {} })).rejects.toMatchObject({
    code: "UnknownOperationException",
  });
});

// https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_TestEventPattern.html
describe("TestEventPattern", () => {
  const Event = JSON.stringify({ id: "1", account: "2", source: "s", time: "t", region: "r", "detail-type": "d" });
  const run = (EventPattern: string, event = Event) => h.call("TestEventPattern", { EventPattern, Event: event });

  test("answers whether the event matches", async () => {
    expect(await run('{"source":["s"]}')).toEqual({ Result: true });
    expect(await run('{"source":["x"]}')).toEqual({ Result: false });
  });

  test.each(["[]", "{", '"x"', '{"id":"1"}'])("refuses the event %s", async (event) => {
    await expect(run('{"source":["s"]}', event)).rejects.toThrow(/^Parameter Event is not valid\./);
  });

  test("refuses a wrong pattern", async () => {
    await expect(run('{"source":"s"}')).rejects.toMatchObject({ code: "InvalidEventPatternException" });
  });
});
