import type { DetailOf } from "#shared/contracts/event.ts";
import type { targetRecovered, targetUnreachable } from "#shared/contracts/events.ts";
import { clean, code, count, moment } from "./text.ts";

export type Unreachable = DetailOf<typeof targetUnreachable>;
export type Recovered = DetailOf<typeof targetRecovered>;
export type OutageNotice =
  | { readonly type: "target.unreachable"; readonly detail: Unreachable }
  | { readonly type: "target.recovered"; readonly detail: Recovered };

const MAX_TITLES = 8;

/** How people call a target, and what they gave the fleet to enter it. */
const TARGETS: Readonly<Record<string, { name: string; secret: string }>> = {
  billing: { name: "Stripe", secret: "key" },
  salesforce: { name: "Salesforce", secret: "login" },
  slack: { name: "Slack", secret: "token" },
};

/**
 * Says that a target is away, how many customers wait for it, and whether anybody has to do anything, and of what moment
 * that is true: when Slack itself was away it may be read after the end.
 */
export function describeUnreachable({ metadata, data }: Unreachable): string {
  const waiting = data.waiting > 0 ? count(data.waiting, "customer") : "no customer";
  const who = `${waiting} ${data.waiting > 1 ? "wait" : "waits"}`;
  const headline = `*${awayText(data)}* since ${moment(data.since)}, ${who} at ${moment(metadata.occurredAt)}`;
  const [sign, advice] = data.needsPerson
    ? [":rotating_light:", ": a person must replace the secret"]
    : [":hourglass_flowing_sand:", ", nothing to do"];
  return `${sign} ${headline}${advice} · ${code(data.endpoint)} · ${code(data.reason)} · ${code(metadata.correlationId)}`;
}

/** Says that a target is back, and how long work waited for it, be it away, asking for time or refusing us. */
export function describeRecovered({ metadata, data }: Recovered): string {
  return (
    `:large_green_circle: *${backText(data)}*; work for it waited from ${moment(data.since)} to ` +
    `${moment(data.until)} · ${code(data.endpoint)} · ${code(metadata.correlationId)}`
  );
}

/** A few words on each target, however many of its endpoints are told of. */
export function outageTitles(notices: readonly OutageNotice[]): string[] {
  const titles = notices.map(({ type, detail }) =>
    type === "target.recovered"
      ? backText(detail.data)
      : `${detail.data.needsPerson ? ":rotating_light: " : ""}${awayText(detail.data)}`,
  );
  const distinct = [...new Set(titles)];
  const more = distinct.length - MAX_TITLES;
  return more > 0 ? [...distinct.slice(0, MAX_TITLES), count(more, "other outage")] : distinct;
}

function awayText({ target, needsPerson }: Unreachable["data"]): string {
  const { name, secret } = targetOf(target);
  return needsPerson ? `${name} refuses the ${secret}` : `${name} unreachable`;
}

function backText({ target, neededPerson }: Recovered["data"]): string {
  const { name, secret } = targetOf(target);
  return neededPerson ? `${name} accepts the ${secret} again` : `${name} answers again`;
}

function targetOf(target: string): { name: string; secret: string } {
  const known = Object.hasOwn(TARGETS, target) ? TARGETS[target] : undefined;
  return known ?? { name: clean(target, 20), secret: "credentials" };
}
