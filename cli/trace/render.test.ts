import { describe, expect, test } from "@jest/globals";
import { type Paint, painter, renderTree } from "./render.ts";
import { buildTree, type Segment } from "./tree.ts";

const TRACE = "1-5759e988-bd862e3fe1be46a994272793";
const plain: Paint = (_style, text) => text;
const marked: Paint = (style, text) => `<${style}>${text}</${style}>`;
const ESCAPE = "\u001b[";

function segment(id: string, parent: string | undefined, start: number, rest: Partial<Segment> = {}): Segment {
  const times = { start_time: 100 + start, end_time: 100 + start + 0.25 };
  return { id, name: id, ...times, ...(parent ? { parent_id: parent } : {}), ...rest };
}

const lines = (documents: readonly Segment[], paint = plain) =>
  renderTree(TRACE, buildTree(documents), paint).split("\n");

describe("a drawn trace", () => {
  const documents = [
    segment("capture", undefined, 0, { origin: "AWS::Lambda::Function", end_time: 102 }),
    segment("bus", "capture", 0.1, { aws: { operation: "PutEvents" } }),
    segment("queue", "bus", 0.2, { annotations: { correlationId: "c-1" } }),
    segment("store", "capture", 0.5, { annotations: { customerId: "a-1", correlationId: "c-1" } }),
  ];

  test("begins with the trace, its length, its documents and the change's ids", () => {
    expect(lines(documents)[0]).toBe(`${TRACE}  2000 ms, 4 segments, correlationId c-1, customerId a-1`);
    expect(lines([segment("one", undefined, 0)])[0]).toBe(`${TRACE}  250 ms, 1 segments`);
  });

  test("has one line per segment, indented below its parent, with what it is", () => {
    const labels = lines(documents)
      .slice(1)
      .map((line) => line.replace(/ {2,}\+.*/, ""));
    expect(labels).toEqual(["capture  [Lambda::Function]", "├─ bus PutEvents", "│  └─ queue", "└─ store"]);
  });

  test("names a call of a vendor by whom the connector above it calls, wherever that listens", () => {
    const call = (host: string, path: string, method = "POST") => ({
      ...{ name: host, namespace: "remote", http: { request: { url: `http://${host}${path}`, method } } },
    });
    const drawn = lines([
      segment("fn", undefined, 0, { name: "connector-fleet-local-billing-upsert-customer" }),
      segment("1", "fn", 0.1, call("127.0.0.1", "/v1/customers/cus_1")),
      segment("work", "fn", 0.2, { name: "salesforce/write-back" }),
      segment("2", "work", 0.3, call("acme.my.salesforce.com", "/services/data/v66.0/limits?secret=1", "GET")),
      segment("tell", "fn", 0.4, { name: "slack/notify" }),
      segment("3", "tell", 0.5, call("127.0.0.1", "/api/chat.postMessage")),
      segment("other", undefined, 0.6, { name: "customers/upsert" }),
      segment("4", "other", 0.7, call("127.0.0.1", "/")),
    ]);
    const labels = drawn.map((line) => line.replace(/ {2,}\+.*/, "").replace(/^[│├└─ ]+/, ""));
    expect(labels.filter((label) => label.includes("/"))).toEqual(
      expect.arrayContaining([
        ...["Stripe POST /v1/customers/cus_1", "Salesforce GET /services/data/v66.0/limits"],
        ...["Slack POST /api/chat.postMessage", "127.0.0.1 POST /"],
      ]),
    );
  });

  test("says when each began and how long it took, in columns", () => {
    const [, first, ...others] = lines(documents);
    expect(first).toMatch(/\+0 ms +2000 ms$/);
    expect(others.map((line) => line.match(/\+.*/)?.[0].replace(/ +/g, " "))).toEqual([
      "+100 ms 250 ms",
      "+200 ms 250 ms",
      "+500 ms 250 ms",
    ]);
    expect(
      new Set(
        lines(documents)
          .slice(1)
          .map(({ length }) => length),
      ).size,
    ).toBe(1);
  });

  test("marks what has not ended", () => {
    const { end_time: _end, ...open } = segment("open", undefined, 0, { in_progress: true });
    expect(lines([open])[1]).toMatch(/^open +\+0 ms +unfinished$/);
  });

  test("sets apart what lost its parent", () => {
    const drawn = lines([...documents, segment("lost", "gone", 3), segment("below", "lost", 4)]);
    const at = drawn.findIndex((line) => line.startsWith("— without a parent in this trace —"));
    expect(drawn.slice(at + 1).map((line) => line.replace(/ {2,}\+.*/, ""))).toEqual(["lost", "└─ below"]);
    expect(drawn[0]).toContain("4250 ms, 6 segments");
  });

  test("can be drawn when everything lost its parent", () => {
    expect(lines([segment("lost", "gone", 0)])).toHaveLength(3);
  });
});

describe("a problem", () => {
  const exceptions = (...list: { type?: string; message?: string }[]) => ({ cause: { exceptions: list } });

  test.each<[string, Partial<Segment>, string]>([
    [
      "a fault with its exception",
      { fault: true, ...exceptions({ type: "TypeError", message: "x is not" }) },
      "✗ fault TypeError: x is not",
    ],
    ["an error with its status", { error: true, http: { response: { status: 404 } } }, "✗ error HTTP 404"],
    ["throttling before all", { throttle: true, error: true, fault: true }, "✗ throttled"],
    ["an exception without a type", { fault: true, ...exceptions({ message: "gone" }) }, "✗ fault gone"],
    ["a cause that is elsewhere", { fault: true, cause: "0123456789abcdef" }, "✗ fault"],
    ["no exception at all", { fault: true, ...exceptions() }, "✗ fault"],
    ["the first line of many", { fault: true, ...exceptions({ message: "first\nsecond" }) }, "✗ fault first"],
    [
      "a long message in short",
      { fault: true, ...exceptions({ message: "x".repeat(500) }) },
      `✗ fault ${"x".repeat(160)}`,
    ],
  ])("is told: %s", (_what, members, expected) => {
    const [, line = ""] = lines([segment("a", undefined, 0, members)]);
    expect(line.slice(line.indexOf("✗"))).toBe(expected);
  });

  const unmet = { name: "DynamoDB", ...exceptions({ type: "ConditionalCheckFailedException", message: "no" }) };

  test("is not a condition of a write that did not hold: that is an answer", () => {
    const write = { ...unmet, namespace: "aws", fault: true, error: true, http: { response: { status: 400 } } };
    const [, line = ""] = lines([segment("a", undefined, 0, write)]);
    expect(line).toMatch(/ {2}– condition not met$/);
    expect(lines([segment("a", undefined, 0, write)], marked).join("")).not.toContain("<red>");
    const thrown = { ...unmet, name: "work", fault: true };
    expect(lines([segment("a", undefined, 0, thrown)])[1]).toContain("✗ fault ConditionalCheckFailedException: no");
  });

  test("is red, and nothing else is", () => {
    const [, good, bad] = lines([segment("good", undefined, 0), segment("bad", "good", 1, { fault: true })], marked);
    expect(good).not.toContain("<red>");
    expect(bad).toContain("<red>└─ bad</red>");
    expect(bad).toContain("<red>✗ fault</red>");
  });
});

// https://no-color.org
describe("colour", () => {
  const terminal = { isTTY: true } as NodeJS.WriteStream;
  const pipe = {} as NodeJS.WriteStream;

  test.each<[string, NodeJS.WriteStream, NodeJS.ProcessEnv, boolean]>([
    ["is on a terminal", terminal, {}, true],
    ["is on a terminal with an empty NO_COLOR", terminal, { NO_COLOR: "" }, true],
    ["is not with NO_COLOR", terminal, { NO_COLOR: "1" }, false],
    ["is not in a pipe", pipe, {}, false],
  ])("%s", (_what, stream, env, coloured) => {
    const text = painter(stream, env)("red", "text");
    expect(text.includes(ESCAPE)).toBe(coloured);
    expect(text).toContain("text");
  });
});
