import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { busArn, entry, type Harness, harness, TRACE, until } from "./harness.ts";

let h: Harness;
beforeEach(async () => {
  h = await harness(100);
});
afterEach(() => h.stop());

const archiveArn = (name: string) => `arn:aws:events:us-east-1:123456789012:archive/${name}`;
const source = { ArchiveName: "all", EventSourceArn: busArn("default") };
const window = { EventStartTime: 1_700_000_000, EventEndTime: 4_000_000_000 };
const replay = (overrides: object = {}) => ({
  ReplayName: "again",
  EventSourceArn: archiveArn("all"),
  Destination: { Arn: busArn("default") },
  ...window,
  ...overrides,
});

// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-archive.html
describe("archives", () => {
  test("keep the events that match, and say how many", async () => {
    const EventPattern = '{"detail":{"n":[2]}}';
    const created = await h.call("CreateArchive", { ...source, EventPattern, RetentionDays: 1 });
    expect(created).toEqual({ ArchiveArn: archiveArn("all"), CreationTime: expect.any(Number), State: "ENABLED" });
    await h.call("PutEvents", { Entries: [entry(), entry({ Detail: '{"n":2}' })] });
    expect(await h.call("DescribeArchive", { ArchiveName: "all" })).toMatchObject({
      EventCount: 1,
      EventPattern,
      RetentionDays: 1,
      SizeBytes: expect.any(Number),
    });
    await h.call("UpdateArchive", { ArchiveName: "all", Description: "d", EventPattern: '{"detail":{"n":[1]}}' });
    await h.call("PutEvents", { Entries: [entry()] });
    const { Archives } = await h.call("ListArchives", { NamePrefix: "a", EventSourceArn: busArn("default") });
    expect(Archives).toEqual([expect.objectContaining({ ArchiveName: "all", EventCount: 2 })]);
    await h.call("DeleteArchive", { ArchiveName: "all" });
    expect(await h.call("ListArchives")).toEqual({ Archives: [] });
  });

  test("refuse what EventBridge refuses", async () => {
    await h.call("CreateArchive", source);
    for (const [operation, input, text] of [
      ["CreateArchive", source, "Archive all already exists."],
      ["CreateArchive", { ...source, ArchiveName: "b", EventSourceArn: busArn("no") }, "Event bus no does not exist."],
      ["CreateArchive", { ...source, ArchiveName: "b", EventPattern: '{"a":1}' }, "Event pattern is not valid."],
      ["CreateArchive", { ...source, ArchiveName: "x".repeat(49) }, "regular expression"],
      ["DescribeArchive", { ArchiveName: "b" }, "Archive b does not exist."],
      ["DeleteArchive", { ArchiveName: "b" }, "Archive b does not exist."],
      [
        "UpdateArchive",
        { ArchiveName: "all" },
        "At least one of EventPattern, RetentionDays or Description must be provided.",
      ],
    ] as const)
      await expect(h.call(operation, input)).rejects.toThrow(text);
  });

  test("survive a restart with their events", async () => {
    await h.call("CreateArchive", source);
    await h.call("PutEvents", { Entries: [entry()] });
    const after = await harness(100, h.events.snapshot?.());
    expect(await after.call("DescribeArchive", { ArchiveName: "all" })).toMatchObject({ EventCount: 1 });
    await after.stop();
  });
});

// https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-replay-archived-event.html
describe("replays", () => {
  const ended = async (state: string) =>
    until(async () => (await h.call("DescribeReplay", { ReplayName: "again" })).State === state);

  test("send archived events to the rules again: marked, without a trace, and not archived twice", async () => {
    await h.call("CreateArchive", source);
    await h.ruleToQueue("q");
    await h.call("PutEvents", { Entries: [entry({ TraceHeader: TRACE })] });
    const first = await h.next("q");
    const started = await h.call("StartReplay", replay());
    expect(started).toEqual({
      ReplayArn: "arn:aws:events:us-east-1:123456789012:replay/again",
      ReplayStartTime: expect.any(Number),
      State: "STARTING",
    });
    const again = await h.next("q");
    expect(again.body).toEqual({ ...first.body, "replay-name": "again" });
    expect(again.attributes).not.toHaveProperty("AWSTraceHeader");
    await ended("COMPLETED");
    expect(await h.call("DescribeArchive", { ArchiveName: "all" })).toMatchObject({ EventCount: 1 });
    expect((await h.call("ListReplays", { State: "COMPLETED" })).Replays).toHaveLength(1);
  });

  test("reach only the rules of FilterArns, and only events within the window", async () => {
    await h.call("CreateArchive", source);
    const [a] = [await h.ruleToQueue("a"), await h.ruleToQueue("b")];
    await h.call("PutEvents", { Entries: [entry({ Time: 1_600_000_000 }), entry({ Time: 1_800_000_000 })] });
    for (const queue of ["a", "a", "b", "b"]) await h.next(queue);
    await h.call("StartReplay", replay({ Destination: { Arn: busArn("default"), FilterArns: [a] } }));
    expect((await h.next("a")).body.time).toBe("2027-01-15T08:00:00Z");
    await ended("COMPLETED");
    await until(() => h.pending().length === 0);
    for (const queue of ["a", "b"]) expect(await h.sqs("ReceiveMessage", queue)).toEqual({});
  });

  test("can be cancelled while they run, and not afterwards", async () => {
    await h.call("CreateArchive", source);
    await h.call("StartReplay", replay());
    expect(await h.call("CancelReplay", { ReplayName: "again" })).toMatchObject({ State: "CANCELLING" });
    await ended("CANCELLED");
    await expect(h.call("CancelReplay", { ReplayName: "again" })).rejects.toMatchObject({
      code: "IllegalStatusException",
    });
  });

  test("refuse what EventBridge refuses", async () => {
    await h.call("CreateArchive", source);
    await h.call("CreateEventBus", { Name: "other" });
    for (const [overrides, text] of [
      [
        { Destination: { Arn: busArn("other") } },
        "Parameter Destination.Arn is not valid. Reason: Cross event bus replay is not permitted.",
      ],
      [
        { EventSourceArn: archiveArn("no") },
        "Parameter EventSourceArn is not valid. Reason: Archive no does not exist.",
      ],
      [
        { EventEndTime: window.EventStartTime },
        "Parameter EventEndTime is not valid. Reason: EventStartTime must be before EventEndTime.",
      ],
    ] as const)
      await expect(h.call("StartReplay", replay(overrides))).rejects.toThrow(text);
    await h.call("StartReplay", replay());
    await expect(h.call("StartReplay", replay())).rejects.toThrow("Replay again already exists.");
  });
});
