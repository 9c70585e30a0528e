import { parseCron } from "./cron.ts";

/** A parsed schedule: a fixed interval, or the next time after a given one. */
export type Schedule =
  | { readonly kind: "rate"; readonly intervalMs: number }
  | { readonly kind: "cron"; next(after: number): number | undefined };

const UNIT_MS: Readonly<Record<string, number>> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };

/**
 * Parses `rate(5 minutes)` or `cron(0 12 * * ? *)`; `undefined` when it is neither.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
 */
export function parseSchedule(expression: string): Schedule | undefined {
  const cron = /^cron\((.*)\)$/.exec(expression)?.[1];
  if (cron !== undefined) {
    const next = parseCron(cron);
    return next && { kind: "cron", next };
  }
  const rate = /^rate\((\d+) (minute|hour|day)(s?)\)$/.exec(expression);
  if (!rate) return undefined;
  const [, count = "", unit = "", plural] = rate;
  const value = Number(count);
  // One minute, but five minutes.
  if (value < 1 || (value === 1) !== (plural === "")) return undefined;
  return { kind: "rate", intervalMs: value * (UNIT_MS[unit] as number) };
}
