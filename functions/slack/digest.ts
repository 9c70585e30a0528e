import type { DetailOf } from "#shared/contracts/event.ts";
import type { customerSynced, customerSyncFailed } from "#shared/contracts/events.ts";

/** What is told to people. */
export type Notice =
  | { readonly type: "customer.synced"; readonly detail: DetailOf<typeof customerSynced> }
  | { readonly type: "customer.sync-failed"; readonly detail: DetailOf<typeof customerSyncFailed> };

type Synced = Extract<Notice, { type: "customer.synced" }>["detail"];
type Failed = Extract<Notice, { type: "customer.sync-failed" }>["detail"];

interface Section {
  readonly type: "section";
  readonly text: { readonly type: "mrkdwn"; readonly text: string };
}

/** A Slack message: blocks, and the text for notifications. */
export interface Message {
  readonly text: string;
  readonly blocks: Section[];
}

// https://docs.slack.dev/reference/block-kit/blocks and /section-block
const MAX_BLOCKS = 50;
const MAX_SECTION = 3_000;
const MAX_REASON = 1_000;
const MAX_ID = 80;

/**
 * One message for a batch of notices. Failures come first, each with what it takes to find and redrive the parked work;
 * what was synced follows by customer. Ids only: a channel is no place for personal data.
 */
export function digest(notices: readonly Notice[]): Message {
  const failed = notices.flatMap((notice) => (notice.type === "customer.sync-failed" ? [notice.detail] : []));
  const synced = notices.flatMap((notice) => (notice.type === "customer.synced" ? [notice.detail] : []));
  const title = [
    failed.length > 0 ? `:rotating_light: ${count(failed.length, "change")} could not be synced` : undefined,
    synced.length > 0 ? `${count(synced.length, "change")} synced` : undefined,
  ]
    .filter((part) => part !== undefined)
    .join(", ");
  const entries = [
    ...failed.toSorted(byCustomer).map(describeFailed),
    ...synced.toSorted(byCustomer).map(describeSynced),
  ];
  const { sections, left } = pack(entries);
  const more = left > 0 ? [section(`_…and ${left} more_`)] : [];
  return { text: title, blocks: [section(`*${title}*`), ...sections.map(section), ...more] };
}

function describeSynced({ metadata, data }: Synced): string {
  const { outcome, stripeCustomerId } = data.billing;
  const stripe = stripeCustomerId ? ` (${code(stripeCustomerId)})` : "";
  return (
    `:white_check_mark: ${code(data.customerId)} ${data.change} by ${who(metadata)}: ` +
    `store ${data.store}, billing ${outcome}${stripe} · ${code(metadata.correlationId)}`
  );
}

function describeFailed({ metadata, data }: Failed): string {
  const reason = clean(`${data.error.name}: ${data.error.message}`, MAX_REASON);
  return (
    `:rotating_light: *${code(data.customerId)}*, changed by ${who(metadata)}, stopped at ${code(data.state)}\n` +
    `>${reason}\n` +
    `parked as ${code(data.parkedId)} · ${code(metadata.correlationId)}`
  );
}

/** Who and when; Slack shows the time in the reader's own zone. */
function who({ actor, occurredAt }: Synced["metadata"]): string {
  const seconds = Math.floor(Date.parse(occurredAt) / 1000);
  return `${code(actor)} <!date^${seconds}^{date_short_pretty} {time_secs}|${occurredAt}>`;
}

/** Fills sections up to their limit; what finds no room is counted. */
function pack(entries: readonly string[]): { sections: string[]; left: number } {
  const sections: string[] = [];
  for (const [index, entry] of entries.entries()) {
    const last = sections.at(-1);
    if (last !== undefined && last.length + 1 + entry.length <= MAX_SECTION)
      sections[sections.length - 1] = `${last}\n${entry}`;
    // Room for the title and for the count of the rest.
    else if (sections.length < MAX_BLOCKS - 2) sections.push(entry);
    else return { sections, left: entries.length - index };
  }
  return { sections, left: 0 };
}

function byCustomer(a: Synced | Failed, b: Synced | Failed): number {
  const key = ({ data }: Synced | Failed) => `${data.customerId} ${data.version}`;
  return key(a) < key(b) ? -1 : 1;
}

function section(text: string): Section {
  return { type: "section", text: { type: "mrkdwn", text } };
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? "" : "s"}`;
}

function code(text: string): string {
  return `\`${clean(text.replaceAll("`", "'"), MAX_ID)}\``;
}

/**
 * Text on one line that Slack takes literally, at most `length` characters long once it is escaped.
 * https://docs.slack.dev/messaging/formatting-message-text#escaping
 */
function clean(text: string, length: number): string {
  let result = "";
  for (const character of text.replaceAll(/\s+/g, " ")) {
    const next = ESCAPES[character] ?? character;
    if (result.length + next.length >= length) return `${result}…`;
    result += next;
  }
  return result;
}

const ESCAPES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };
