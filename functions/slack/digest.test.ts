import { describe, expect, test } from "@jest/globals";
import {
  customerDriftFound,
  customerSynced,
  customerSyncFailed,
  reconciliationRequested,
  targetRecovered,
  targetUnreachable,
} from "#shared/contracts/events.ts";
import { version } from "#shared/testing/customers-table.ts";
import { digest as digestOf, type Message } from "./digest.ts";
import { SLACK_LIMITS } from "./limits.ts";
import type { Notice } from "./notices.ts";
import { doubt, drift, failed, recovered, synced, unreachable } from "./testing.ts";

const digests = (notices: readonly Notice[]) => digestOf(notices, (notice) => notice, "prod");
const textOf = (message: Message) => message.blocks.map(({ text }) => text.text).join("\n");

/** The one message of notices that fit into one. */
function digest(notices: readonly Notice[]): Message {
  const [first, ...more] = digests(notices);
  expect(more).toEqual([]);
  return first?.message ?? { text: "", blocks: [] };
}

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

  test("puts failures first, with the reason, where it stopped and the command to look at it", () => {
    const message = digest([synced(), failed()]);
    expect(message.text).toBe(":rotating_light: 1 change could not be synced, 1 change synced");
    const text = textOf(message);
    expect(text.indexOf("stopped at")).toBeLessThan(text.indexOf(":white_check_mark:"));
    expect(text).toContain(">RejectedByTargetError: Stripe refused the request: email_invalid");
    expect(text).toContain("parked, see `npx fleet parked show parked-1 --stage prod` · `correlation-1`");
    expect(text).toContain("stopped at `UpsertBilling`");
    const [local] = digestOf([failed()], (notice) => notice, "local");
    expect(textOf(local?.message as Message)).toContain("see `npx fleet parked show parked-1` · ");
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
    expect(text).toContain("`npx fleet parked show a'b c --stage prod`");
  });

  test("says which fields were adjusted to fit into billing", () => {
    const billing = { outcome: "created" as const, stripeCustomerId: "cus_1", adjusted: ["phone", "address.line1"] };
    expect(textOf(digest([synced({ data: { billing } })]))).toContain(
      "billing created (`cus_1`), adjusted to fit: phone, address.line1 · `correlation-1`",
    );
  });

  test("tells of an outage once, with who waits and whether anybody has to do anything", () => {
    const at = (hour: number) =>
      `<!date^${1_767_225_600 + hour * 3600}^{date_short_pretty} {time_secs}|2026-01-01T0${hour}:00:00.000Z>`;
    const away = digest([failed(), unreachable()]);
    expect(away.text).toBe("Stripe unreachable, :rotating_light: 1 change could not be synced");
    expect(away.blocks[1]?.text.text).toMatch(/^:hourglass_flowing_sand: /);
    expect(textOf(away)).toContain(
      `*Stripe unreachable* since ${at(0)}, 214 customers wait at ${at(0)}, nothing to do · \`customers.update\` · \`HTTP_503\` · \`c`,
    );
    const refused = digest([unreachable({ data: { needsPerson: true, waiting: 1 } })]);
    expect(refused.text).toBe(":rotating_light: Stripe refuses the key");
    expect(textOf(refused)).toContain(
      `:rotating_light: *Stripe refuses the key* since ${at(0)}, 1 customer waits at ${at(0)}: a person must replace the secret · `,
    );
    expect(textOf(digest([recovered()]))).toContain(
      `*Stripe answers again*; work for it waited from ${at(0)} to ${at(1)} · \`customers.update\` · \`c`,
    );
  });

  test("says at the end of an outage what it was", () => {
    const mended = digest([recovered({ data: { neededPerson: true } })]);
    expect(mended.text).toBe("Stripe accepts the key again");
    expect(textOf(mended)).toMatch(/\*Stripe accepts the key again\*; work for it waited from <!date.* to <!date/);
  });

  test("names the targets as people do, each once in the title", () => {
    const of = (target: string) => unreachable({ data: { target, needsPerson: true, waiting: 0 } });
    const { text, blocks } = digest([of("salesforce"), of("salesforce"), of("slack"), recovered(), of("erp")]);
    expect(text).toBe(
      ":rotating_light: Salesforce refuses the login, :rotating_light: Slack refuses the token, " +
        ":rotating_light: erp refuses the credentials, Stripe answers again",
    );
    expect(textOf({ text, blocks })).toContain("no customer waits");
  });

  test.each([40, 44])("tells %d failures in as many messages as it takes", (number) => {
    const message = "x".repeat(85);
    const notices = Array.from({ length: number }, (_, n) =>
      failed({ metadata: { correlationId: `c${n}` }, data: { error: { name: "RejectedByTargetError", message } } }),
    );
    const messages = digests(notices);
    expect(messages.length).toBe(2);
    const counts = messages.map(({ told }) => told.length);
    expect(messages.map(({ message: { text } }) => text)).toEqual(
      counts.map((n, index) => `:rotating_light: ${n} changes could not be synced (${index + 1} of 2)`),
    );
    expect(messages.flatMap(({ told }) => told)).toEqual(notices);
  });

  test("every limit has its source", () => {
    for (const { source } of Object.values(SLACK_LIMITS)) expect(source).toMatch(/^https:\/\//);
  });

  test("is made of events that fit their contracts", () => {
    expect(customerSynced.detail.safeParse(synced().detail).error).toBeUndefined();
    expect(customerSyncFailed.detail.safeParse(failed().detail).error).toBeUndefined();
    expect(customerDriftFound.detail.safeParse(drift().detail).error).toBeUndefined();
    expect(reconciliationRequested.detail.safeParse(doubt().detail).error).toBeUndefined();
    expect(targetUnreachable.detail.safeParse(unreachable().detail).error).toBeUndefined();
    expect(targetRecovered.detail.safeParse(recovered().detail).error).toBeUndefined();
  });
});
