import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { parseTraceHeader } from "#shared/trace-header.ts";
import { ACCOUNT, COMMIT, changeOf, ORG, OTHER_ACCOUNT } from "../testing.ts";
import { identify } from "./identity.ts";

const settings = { orgId: ORG, sampleRate: 1, now: COMMIT + 5_000 };

describe("identify", () => {
  test("gives the same identity for a redelivery, whatever brings it and whenever", () => {
    const again = changeOf({}, { id: "another envelope" });
    expect(identify(again, ACCOUNT, { ...settings, now: COMMIT + 3_600_000 })).toEqual(
      identify(changeOf(), ACCOUNT, settings),
    );
  });

  test.each([
    ["record", changeOf(), OTHER_ACCOUNT, ORG],
    ["sequence", changeOf({ sequenceNumber: 2 }), ACCOUNT, ORG],
    ["transaction", changeOf({ transactionKey: "other" }), ACCOUNT, ORG],
    ["organisation", changeOf(), ACCOUNT, "00D000000000001EAA"],
  ])("gives another %s another identity", (_what, change, recordId, orgId) => {
    const one = identify(changeOf(), ACCOUNT, settings);
    const other = identify(change, recordId, { ...settings, orgId });
    expect(other.correlationId).not.toBe(one.correlationId);
    expect(other.eventId).not.toBe(one.eventId);
    expect(parseTraceHeader(other.traceHeader)?.root).not.toBe(parseTraceHeader(one.traceHeader)?.root);
  });

  test("starts the trace at the commit, with the root segment as parent", () => {
    const { traceHeader, rootHeader, segmentId } = identify(changeOf(), ACCOUNT, settings);
    const trace = parseTraceHeader(traceHeader);
    expect(trace).toMatchObject({ parent: segmentId, sampled: true });
    expect(Number.parseInt(trace?.root.split("-")[1] ?? "", 16)).toBe(COMMIT / 1000);
    expect(parseTraceHeader(rootHeader)).toEqual({ root: trace?.root, sampled: true });
  });

  // https://docs.aws.amazon.com/xray/latest/api/API_PutTraceSegments.html
  test("starts the trace now when the change is older than X-Ray takes", () => {
    const now = COMMIT + 31 * 24 * 3_600_000;
    const { traceHeader } = identify(changeOf(), ACCOUNT, { ...settings, now });
    expect(Number.parseInt(traceHeader.split("-")[1] ?? "", 16)).toBe(Math.floor(now / 1000));
  });

  test("samples the given share, always the same changes", () => {
    const sampledAt = (sampleRate: number) =>
      Array.from({ length: 1_000 }, (_, n) => {
        const { traceHeader } = identify(changeOf({ sequenceNumber: n }), ACCOUNT, { ...settings, sampleRate });
        return traceHeader.endsWith("Sampled=1");
      });
    expect(sampledAt(0)).not.toContain(true);
    expect(sampledAt(1)).not.toContain(false);
    const some = sampledAt(0.2);
    expect(some.filter(Boolean).length).toBeGreaterThan(140);
    expect(some.filter(Boolean).length).toBeLessThan(260);
    const more = sampledAt(0.5);
    expect(some.every((sampled, n) => !sampled || more[n])).toBe(true);
  });

  test("always gives headers and ids that X-Ray takes", () => {
    const change = fc.record({ transactionKey: fc.string(), sequenceNumber: fc.integer(), commitTimestamp: fc.nat() });
    fc.assert(
      fc.property(change, fc.string(), fc.double({ min: 0, max: 1, noNaN: true }), (any, recordId, sampleRate) => {
        const identity = identify(any, recordId, { ...settings, sampleRate });
        expect(parseTraceHeader(identity.traceHeader)?.parent).toBe(identity.segmentId);
        expect(parseTraceHeader(identity.rootHeader)).toBeDefined();
        expect(identity.correlationId).toMatch(/^[0-9a-f]{32}$/);
      }),
    );
  });
});
