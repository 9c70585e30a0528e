import type { z } from "zod";
import { count, duration, number, printable } from "../text.ts";
import { painter } from "../trace/render.ts";
import type { planSchema, Status } from "./runs.ts";

export type Plan = z.infer<typeof planSchema>;

type Paint = ReturnType<typeof painter>;
type Colour = Parameters<Paint>[0];

const BAR = 30;
const COLOURS = {
  running: "cyan",
  pausing: "cyan",
  paused: "yellow",
  finished: "green",
  failed: "red",
  stopped: "yellow",
} as const;
/** What a running one is at, before it loads. */
const PHASES: Readonly<Record<string, string>> = {
  plan: "counting",
  query: "asking Salesforce for the list",
  wait: "Salesforce makes the list",
  list: "fetching the list",
};
/** What it takes to tell a pace. */
const [MEASURED, MEASURED_SECONDS] = [100, 60];
const RESUMABLE = ["paused", "failed", "stopped"];

/** What a backfill will take, as a few lines. */
export function renderPlan({ records, salesforce, usd, billedPerSecond, billingMinutes }: Plan): string {
  const { apiCalls, callsLeft, reserve } = salesforce;
  const free = Math.max(0, callsLeft - reserve);
  const lines = [
    count(records, "account"),
    `  Salesforce  at most ${count(apiCalls, "API call")}; ${number(free)} are free today, ${number(reserve)} more are kept for live changes`,
    `  AWS         at most $${usd.toFixed(2)} at list prices, if every account differs from the store`,
    `  billing     follows in about ${duration(billingMinutes * 60_000)} at ${pace(billedPerSecond)}, if every account is new there`,
  ];
  if (apiCalls > free) lines.push("  It will wait for the API budget on its way and go on by itself.");
  return lines.join("\n");
}

/** How far a backfill is: a line with a bar for the store, one for billing, and what became of the accounts. */
export function renderStatus(status: Status, stream: NodeJS.WriteStream, now = Date.now()): string {
  const { name, state, total, compared, stored, error } = status;
  const { sent, equal, unusable, parked } = status;
  const share = shareOf(compared, total, state === "finished");
  const paint = painter(stream);
  const word = (state === "running" && PHASES[status.phase]) || state;
  const lines = [
    `${name}  ${bar(share, paint, COLOURS[state])}  ${number(stored)} of ${number(total)} stored  ${paint(COLOURS[state], word)}, ${timeOf(status, share, now)}`,
    `  ${" ".repeat(Math.max(0, name.length - "billed".length - 2))}billed  ${renderBilled(status, paint, now)}`,
    `  ${number(sent)} differed and were sent into the sync, ${number(equal)} were equal${behindOf(status)}, ${number(unusable + parked)} are parked`,
  ];
  if (error) lines.push(`  ${paint("red", printable(error))}`);
  if (RESUMABLE.includes(state)) lines.push("  'fleet backfill resume' goes on where it ended.");
  return lines.join("\n");
}

/** Billing follows the store at a pace of its own. */
function renderBilled(status: Status, paint: Paint, now: number): string {
  const { billed, total, waiting, refused, state } = status;
  const share = shareOf(billed, total, state === "finished" && waiting === 0);
  const perSecond = paceOfBilling(status, now);
  const left = perSecond ? ` (about ${duration((waiting / perSecond) * 1000)} at ${pace(perSecond)})` : "";
  const rest = `${waiting > 0 ? `, ${number(waiting)} wait${left}` : ""}${refused > 0 ? `, ${number(refused)} are parked` : ""}`;
  return `${bar(share, paint, waiting > 0 ? "cyan" : "green")}  ${number(billed)} of ${number(total)}${rest}`;
}

/** Customers a second that billing follows with: as seen so far, unless it is too early to say or it was paused meanwhile. */
function paceOfBilling({ run, sent, waiting, loadingAt, billedPerSecond }: Status, now: number): number | undefined {
  const [billed, seconds] = [sent - waiting, (now - Date.parse(loadingAt ?? "")) / 1000];
  const isTold = run === 1 && seconds >= MEASURED_SECONDS && Math.min(billed, waiting) >= MEASURED;
  return isTold ? billed / seconds : billedPerSecond;
}

/** Whether billing has followed; of a large organisation some customers are always just on their way. */
export function isBilled({ waiting, total }: Pick<Status, "waiting" | "total">): boolean {
  return waiting <= total / 1_000;
}

function shareOf(done: number, total: number, isAll: boolean): number {
  if (total === 0) return isAll ? 1 : 0;
  return Math.min(1, done / total);
}

function bar(share: number, paint: Paint, colour: Colour): string {
  const filled = Math.floor(share * BAR);
  return `${paint(colour, `${"█".repeat(filled)}${"░".repeat(BAR - filled)}`)} ${String(Math.floor(share * 100)).padStart(3)} %`;
}

/** How long it has taken, and how much longer; a pause in between would say nothing of the pace. */
function timeOf({ state, startedAt, endedAt, run }: Status, share: number, now: number): string {
  const elapsed = (endedAt ?? now) - Date.parse(startedAt);
  const isSteady = state === "running" && run === 1 && share > 0.02;
  return `${duration(elapsed)}${isSteady ? `, about ${duration((elapsed / share) * (1 - share))} left` : ""}`;
}

function behindOf({ behind }: Status): string {
  return behind > 0 ? ` (${number(behind)} of them not in billing yet)` : "";
}

function pace(perSecond: number): string {
  return `${Number(perSecond.toPrecision(3))}/s`;
}
