import type { z } from "zod";
import { painter } from "../trace/render.ts";
import type { planSchema, Status } from "./runs.ts";

export type Plan = z.infer<typeof planSchema>;

const BAR = 30;
const COLOURS = { running: "cyan", paused: "yellow", finished: "green", failed: "red", stopped: "yellow" } as const;

/** What a backfill will take, as a few lines. */
export function renderPlan({ records, salesforce, usd, billingMinutes }: Plan): string {
  const { apiCalls, callsLeft, reserve } = salesforce;
  const free = Math.max(0, callsLeft - reserve);
  const lines = [
    `${number(records)} accounts`,
    `  Salesforce  at most ${number(apiCalls)} API calls; ${number(free)} are free today, ${number(reserve)} more are kept for live changes`,
    `  AWS         at most $${usd.toFixed(2)} at list prices, if every account differs from the store`,
    `  billing     follows in about ${duration(billingMinutes * 60_000)}, if every account is new there`,
  ];
  if (apiCalls > free) lines.push("  It will wait for the API budget on its way and go on by itself.");
  return lines.join("\n");
}

/** How far a backfill is: a line with a bar, and what became of the accounts. */
export function renderStatus(status: Status, stream: NodeJS.WriteStream, now = Date.now()): string {
  const { name, state, total, compared, sent, equal, unusable, parked, error } = status;
  const share = total === 0 ? (state === "finished" ? 1 : 0) : Math.min(1, compared / total);
  const filled = Math.round(share * BAR);
  const paint = painter(stream);
  const bar = `${"█".repeat(filled)}${"░".repeat(BAR - filled)}`;
  const elapsed = (status.endedAt ?? now) - Date.parse(status.startedAt);
  const left = state === "running" && share > 0.02 ? `, about ${duration((elapsed / share) * (1 - share))} left` : "";
  const lines = [
    `${name}  ${paint(COLOURS[state], bar)} ${Math.floor(share * 100)} %  ${number(compared)} of ${number(total)}  ${paint(COLOURS[state], state)}, ${duration(elapsed)}${left}`,
    `  ${number(sent)} differed and were sent into the sync, ${number(equal)} were equal, ${number(unusable + parked)} are parked`,
  ];
  if (error) lines.push(`  ${paint("red", error)}`, "  'fleet backfill resume' goes on where it stopped.");
  return lines.join("\n");
}

function number(value: number): string {
  return value.toLocaleString("en-US");
}

function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
