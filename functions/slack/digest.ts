import { SLACK_LIMITS } from "./limits.ts";
import { describe, isOf, type Notice, orderOf } from "./notices.ts";
import { outageTitles } from "./outages.ts";
import { count } from "./text.ts";

interface Section {
  readonly type: "section";
  readonly text: { readonly type: "mrkdwn"; readonly text: string };
}

/** A Slack message: blocks, and the text for notifications. */
export interface Message {
  readonly text: string;
  readonly blocks: readonly Section[];
}

/** One message and what it tells. */
export interface Digest<T> {
  readonly message: Message;
  readonly told: readonly T[];
}

interface Entry<T> {
  readonly item: T;
  readonly text: string;
}

/** Room for the title of a message: a few words of each kind of notice. */
const MAX_TITLE = 700;

/**
 * As few messages as Slack's limits allow, in which every notice is told exactly once. What needs eyes comes first:
 * outages, failures, each with the command that shows the parked work, then changes in doubt and what was
 * found different; what was synced follows by customer. Ids only: a channel is no place for personal data.
 * @param items what the notices came with, such as deliveries
 * @param stage of the fleet, for the commands that the notices name
 */
export function digest<T>(items: readonly T[], noticeOf: (item: T) => Notice, stage: string): Digest<T>[] {
  const entries = items
    .map((item) => ({ item, notice: noticeOf(item) }))
    .toSorted((a, b) => compare(orderOf(a.notice), orderOf(b.notice)))
    .map(({ item, notice }) => ({ item, text: describe(notice, stage) }));
  const messages = pack(entries);
  return messages.map((sections, index) => {
    const told = sections.flat().map(({ item }) => item);
    const part = messages.length > 1 ? ` (${index + 1} of ${messages.length})` : "";
    const title = `${titleOf(told.map(noticeOf))}${part}`;
    const texts = sections.map((some) => some.map(({ text }) => text).join("\n"));
    return { message: { text: title, blocks: [`*${title}*`, ...texts].map(section) }, told };
  });
}

function titleOf(notices: readonly Notice[]): string {
  const number = (type: Notice["type"]) => notices.filter((notice) => notice.type === type).length;
  const [failed, doubts] = [number("customer.sync-failed"), number("reconciliation.requested")];
  const duplicates = number("customer.duplicate-found");
  const [drifts, synced] = [number("customer.drift-found"), number("customer.synced")];
  const parts = [
    ...outageTitles(notices.filter((notice) => isOf(notice, "target.unreachable", "target.recovered"))),
    failed > 0 ? `:rotating_light: ${count(failed, "change")} could not be synced` : undefined,
    duplicates > 0 ? `:rotating_light: ${count(duplicates, "duplicate")} in Stripe` : undefined,
    doubts > 0 ? `${count(doubts, "comparison")} with Salesforce needed` : undefined,
    drifts > 0 ? `${count(drifts, "comparison")} with Salesforce done` : undefined,
    synced > 0 ? `${count(synced, "change")} synced` : undefined,
  ];
  return parts.filter((part) => part !== undefined).join(", ");
}

/** Fills sections, and messages with sections, up to their limits. */
function pack<T>(entries: readonly Entry<T>[]): Entry<T>[][][] {
  const { blocks, section: sectionLimit, message } = SLACK_LIMITS;
  const messages: Entry<T>[][][] = [];
  let [inSection, inMessage] = [0, 0];
  for (const entry of entries) {
    const sections = messages.at(-1);
    const last = sections?.at(-1);
    const length = entry.text.length + 1;
    const fits = (more: number) => inMessage + more <= message.max;
    if (last && inSection + length <= sectionLimit.max && fits(length)) {
      last.push(entry);
      inSection += length;
      inMessage += length;
      continue;
    }
    const whole = length + message.perBlock;
    // One block is the title.
    if (sections && sections.length + 1 < blocks.max && fits(whole)) sections.push([entry]);
    else {
      messages.push([[entry]]);
      inMessage = MAX_TITLE + message.perBlock;
    }
    inSection = length;
    inMessage += whole;
  }
  return messages;
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function section(text: string): Section {
  return { type: "section", text: { type: "mrkdwn", text } };
}
