import {
  describeDoubt,
  describeDrift,
  describeFailed,
  describeSynced,
  type Notice,
  type Versioned,
} from "./notices.ts";
import { count } from "./text.ts";

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

/**
 * One message for a batch of notices. What needs eyes comes first: failures, each with what it takes to find and redrive
 * the parked work, then changes in doubt and what was found different; what was synced follows by customer. Ids only: a
 * channel is no place for personal data.
 */
export function digest(notices: readonly Notice[]): Message {
  const failed = detailsOf(notices, "customer.sync-failed");
  const doubts = detailsOf(notices, "reconciliation.requested");
  const drifts = detailsOf(notices, "customer.drift-found");
  const synced = detailsOf(notices, "customer.synced");
  const title = [
    failed.length > 0 ? `:rotating_light: ${count(failed.length, "change")} could not be synced` : undefined,
    doubts.length > 0 ? `${count(doubts.length, "comparison")} with Salesforce needed` : undefined,
    drifts.length > 0 ? `${count(drifts.length, "comparison")} with Salesforce done` : undefined,
    synced.length > 0 ? `${count(synced.length, "change")} synced` : undefined,
  ]
    .filter((part) => part !== undefined)
    .join(", ");
  const entries = [
    ...failed.toSorted(byCustomer).map(describeFailed),
    ...doubts.map(describeDoubt),
    ...drifts.map(describeDrift),
    ...synced.toSorted(byCustomer).map(describeSynced),
  ];
  const { sections, left } = pack(entries);
  const more = left > 0 ? [section(`_…and ${left} more_`)] : [];
  return { text: title, blocks: [section(`*${title}*`), ...sections.map(section), ...more] };
}

function detailsOf<T extends Notice["type"]>(
  notices: readonly Notice[],
  type: T,
): Extract<Notice, { type: T }>["detail"][] {
  return notices.flatMap((notice) => (notice.type === type ? [notice.detail as never] : []));
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

function byCustomer(a: Versioned, b: Versioned): number {
  const key = ({ data }: Versioned) => `${data.customerId} ${data.version}`;
  return key(a) < key(b) ? -1 : 1;
}

function section(text: string): Section {
  return { type: "section", text: { type: "mrkdwn", text } };
}
