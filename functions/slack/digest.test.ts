import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  customerDriftFound,
  customerSynced,
  customerSyncFailed,
  reconciliationRequested,
} from "#shared/contracts/events.ts";
import { version } from "#shared/testing/customers-table.ts";
import { digest } from "./digest.ts";
import { doubt, drift, failed, synced } from "./testing.ts";

const textOf = (message: ReturnType<typeof digest>) => message.blocks.map(({ text }) => text.text).join("\n");

describe("digest", () => {
  test("says who changed what, when, and what became of it", () => {
    const message = digest([synced()]);
    expect(message.text).toBe("1 change synced");
    expect(textOf(message)).toContain(
      ":white_check_mark: `0015f00002J9YaUAAV` changed by `0055f000005mc66AAA` " +
        "<!date^1767225600^{date_short_pretty} {time_secs}|2026-01-01T00:00:00.000Z>: " +
        "store updated, billing created (`cus_1`) · `correlation-1`",
    );
  });

  test("puts failures first, with the reason, where it stopped and what to redrive", () => {
    const message = digest([synced(), failed()]);
    expect(message.text).toBe(":rotating_light: 1 change could not be synced, 1 change synced");
    const text = textOf(message);
    expect(text.indexOf("stopped at")).toBeLessThan(text.indexOf(":white_check_mark:"));
    expect(text).toContain(">RejectedByTargetError: Stripe refused the request: email_invalid");
    expect(text).toContain("parked as `parked-1` · `correlation-1`");
    expect(text).toContain("stopped at `UpsertBilling`");
  });

  test("keeps one customer's changes together, in the order of their versions", () => {
    const later = synced({ data: { version: version(2) }, metadata: { correlationId: "later" } });
    const other = synced({ data: { customerId: "0015f00002J9YYEAA3" }, metadata: { correlationId: "other" } });
    const text = textOf(digest([later, other, synced()]));
    const places = ["other", "correlation-1", "later"].map((id) => text.indexOf(id));
    expect(places).toEqual([...places].sort((a, b) => a - b));
    expect(Math.min(...places)).toBeGreaterThan(0);
  });

  test.each([
    ["overflow", ":warning: One transaction changed so much that Salesforce left out changes of `Account`: "],
    ["wildcard", ":warning: Salesforce changed every `Account` at once and names none of them: "],
    ["position-lost", ":warning: The catch-up reader lost its place, so changes of `Account` may be missing: "],
  ] as const)("says why changes are in doubt: %s", (reason, sentence) => {
    expect(textOf(digest([doubt({ data: { reason } })]))).toContain(
      `${sentence}all records will be compared with the store · \`correlation-1\``,
    );
  });

  test("says which changes will be compared", () => {
    const window = { from: "2026-01-01T00:00:00Z", to: "2026-01-02T00:00:00Z" };
    expect(textOf(digest([doubt({ data: { full: false } })]))).toContain(
      "the records changed since the last comparison will",
    );
    expect(textOf(digest([doubt({ data: { full: false, window } })]))).toContain(
      "the records changed from <!date^1767225600^{date_short_pretty} {time_secs}|2026-01-01T00:00:00Z> to <!date^1767312000^",
    );
  });

  test("says what a comparison found, and only that", () => {
    expect(textOf(digest([drift()]))).toContain(
      ":mag: 1200 records of `Account` compared with the store (overflow, 14 API calls): " +
        "3 not in the store, 2 different: sent into the sync · `correlation-1`",
    );
    const none = { missing: 0, different: 0, compared: 1, apiCalls: 1, reason: "<schedule>" };
    expect(textOf(digest([drift({ data: none })]))).toContain(
      "1 record of `Account` compared with the store (&lt;schedule&gt;, 1 API call): no difference to repair · `c",
    );
    expect(textOf(digest([drift({ data: { ...none, deleted: 1, unexplained: 4, unusable: 5 } })]))).toMatch(
      /: 1 deleted: sent into the sync; 4 neither in Salesforce .*; 5 unusable: parked with their reason · /,
    );
  });

  test("takes nothing as markup: neither links, nor mentions, nor code, nor line breaks", () => {
    const message = "<!channel> & <https://x|y>\n*bold*";
    const text = textOf(digest([failed({ data: { error: { name: "E", message }, parkedId: "a`b\nc" } })]));
    expect(text).toContain(">E: &lt;!channel&gt; &amp; &lt;https://x|y&gt; *bold*\n");
    expect(text).toContain("parked as `a'b c`");
  });

  test("counts what finds no room", () => {
    const message = digest(Array.from({ length: 2_000 }, (_, n) => failed({ metadata: { correlationId: `c${n}` } })));
    expect(message.blocks).toHaveLength(50);
    const told = textOf(message).match(/parked as/g)?.length ?? 0;
    expect(told).toBeGreaterThan(100);
    expect(message.blocks.at(-1)?.text.text).toBe(`_…and ${2_000 - told} more_`);
  });

  // https://docs.slack.dev/reference/block-kit/blocks/section-block
  test("always fits Slack's limits and never loses a notice uncounted", () => {
    const any = fc.string({ unit: fc.constantFrom("&", "<", "`", "\n", "a", "😀"), maxLength: 1_500 });
    const id = fc.string({ unit: fc.constantFrom("&", "a", "`"), minLength: 1, maxLength: 200 });
    const notice = fc.oneof(
      fc.record({ correlationId: id }).map((metadata) => synced({ metadata })),
      fc
        .record({ customerId: id, parkedId: id, state: id, message: any })
        .map(({ message, ...data }) => failed({ data: { ...data, error: { name: "Error", message } } })),
      fc.record({ entity: id }).map((data) => doubt({ data })),
      fc.record({ entity: id, reason: any, compared: fc.nat() }).map((data) => drift({ data })),
    );
    fc.assert(
      fc.property(fc.array(notice, { minLength: 1, maxLength: 300 }), (notices) => {
        const message = digest(notices);
        expect(message.blocks.length).toBeLessThanOrEqual(50);
        for (const { text } of message.blocks) {
          expect(text.text.length).toBeGreaterThan(0);
          expect(text.text.length).toBeLessThanOrEqual(3_000);
        }
        const text = textOf(message);
        const told = (text.match(/^(:white_check_mark:|:rotating_light:|:warning:|:mag:) ?/gm) ?? []).length;
        const left = Number(text.match(/…and (\d+) more/)?.[1] ?? 0);
        expect(told + left).toBe(notices.length);
      }),
      { numRuns: 50 },
    );
  });

  test("is made of events that fit their contracts", () => {
    expect(customerSynced.detail.safeParse(synced().detail).error).toBeUndefined();
    expect(customerSyncFailed.detail.safeParse(failed().detail).error).toBeUndefined();
    expect(customerDriftFound.detail.safeParse(drift().detail).error).toBeUndefined();
    expect(reconciliationRequested.detail.safeParse(doubt().detail).error).toBeUndefined();
  });
});
