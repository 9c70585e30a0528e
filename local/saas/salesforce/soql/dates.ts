import { notEmulated } from "../errors.ts";

const DAY = 24 * 3600 * 1000;

/** A span of time: from `from`, up to but without `to`, in epoch milliseconds. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** Start of the period `offset` periods away from the one of today, in UTC. Weeks begin on Sunday. */
type PeriodStart = (today: number, offset: number) => number;

const monthsFrom = (today: number, months: number, first?: number) => {
  const date = new Date(today);
  return Date.UTC(date.getUTCFullYear(), first ?? date.getUTCMonth() + months, 1);
};
const quarterMonth = (today: number) => Math.floor(new Date(today).getUTCMonth() / 3) * 3;

const PERIODS: Readonly<Record<string, PeriodStart>> = {
  DAY: (today, offset) => today + offset * DAY,
  WEEK: (today, offset) => today + (7 * offset - new Date(today).getUTCDay()) * DAY,
  MONTH: (today, offset) => monthsFrom(today, offset),
  QUARTER: (today, offset) => monthsFrom(today, 0, quarterMonth(today) + 3 * offset),
  YEAR: (today, offset) => Date.UTC(new Date(today).getUTCFullYear() + offset, 0, 1),
};

/**
 * The span that a date literal means, in UTC: `TODAY`, `LAST_N_DAYS:3`, …
 * https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/sforce_api_calls_soql_select_dateformats.htm
 * @throws SalesforceError `NOT_EMULATED` for a literal that the emulator does not know
 */
export function spanOf(literal: string, now: number): Span {
  const today = Math.floor(now / DAY) * DAY;
  const span = named(literal.toUpperCase(), today) ?? counted(literal.toUpperCase(), today);
  if (!span) throw notEmulated(`the date literal ${literal}`);
  return span;
}

function named(literal: string, today: number): Span | undefined {
  const days = (from: number, to: number) => ({ from: today + from * DAY, to: today + to * DAY });
  if (literal === "TODAY") return days(0, 1);
  if (literal === "YESTERDAY") return days(-1, 0);
  if (literal === "TOMORROW") return days(1, 2);
  if (literal === "LAST_90_DAYS") return days(-90, 1);
  if (literal === "NEXT_90_DAYS") return days(1, 91);
  const [, which, unit = ""] = /^(THIS|LAST|NEXT)_(WEEK|MONTH|QUARTER|YEAR)$/.exec(literal) ?? [];
  const start = PERIODS[unit];
  if (!which || !start) return undefined;
  const offset = which === "THIS" ? 0 : which === "LAST" ? -1 : 1;
  return { from: start(today, offset), to: start(today, offset + 1) };
}

/** `LAST_N_X:n` ends with today for days and before this period for the others; `N_X_AGO:n` is one period. */
function counted(literal: string, today: number): Span | undefined {
  const [, which, unit = "", ago = "", digits] =
    /^(?:(LAST|NEXT)_N_(DAY|WEEK|MONTH|QUARTER|YEAR)S|N_(DAY|WEEK|MONTH|QUARTER|YEAR)S_AGO):(\d+)$/.exec(literal) ?? [];
  const start = PERIODS[unit || ago];
  if (!start) return undefined;
  const count = Number(digits);
  if (ago) return { from: start(today, -count), to: start(today, -count + 1) };
  if (which === "NEXT") return { from: start(today, 1), to: start(today, count + 1) };
  return { from: start(today, -count), to: start(today, unit === "DAY" ? 1 : 0) };
}
