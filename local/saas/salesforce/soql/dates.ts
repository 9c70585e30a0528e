import { notEmulated } from "../errors.ts";

const DAY = 24 * 3600 * 1000;

/** A span of time: from `from`, up to but without `to`, in epoch milliseconds. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/**
 * The span that a date literal means, in UTC: `TODAY`, `LAST_N_DAYS:3`, …
 * https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/sforce_api_calls_soql_select_dateformats.htm
 * @throws SalesforceError `NOT_EMULATED` for a literal that the emulator does not know
 */
export function spanOf(literal: string, now: number): Span {
  const today = Math.floor(now / DAY) * DAY;
  const [name = "", count] = literal.toUpperCase().split(":");
  const days = Number(count);
  const month = (offset: number) => {
    const date = new Date(today);
    return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + offset, 1);
  };
  const year = (offset: number) => Date.UTC(new Date(today).getUTCFullYear() + offset, 0, 1);
  switch (name) {
    case "TODAY":
      return { from: today, to: today + DAY };
    case "YESTERDAY":
      return { from: today - DAY, to: today };
    case "TOMORROW":
      return { from: today + DAY, to: today + 2 * DAY };
    case "LAST_N_DAYS":
      return { from: today - days * DAY, to: today + DAY };
    case "NEXT_N_DAYS":
      return { from: today + DAY, to: today + (days + 1) * DAY };
    case "N_DAYS_AGO":
      return { from: today - days * DAY, to: today - (days - 1) * DAY };
    case "THIS_MONTH":
      return { from: month(0), to: month(1) };
    case "LAST_MONTH":
      return { from: month(-1), to: month(0) };
    case "THIS_YEAR":
      return { from: year(0), to: year(1) };
    case "LAST_YEAR":
      return { from: year(-1), to: year(0) };
    default:
      throw notEmulated(`the date literal ${literal}`);
  }
}
