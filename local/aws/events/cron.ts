/** The days of one month that a day field names. */
type Days = (year: number, month: number) => ReadonlySet<number>;

const MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/**
 * Parses the six fields of an AWS cron expression: minutes, hours, day of month, month, day of week, year (UTC).
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
 * @returns the next time after a given one (milliseconds since the epoch; `undefined` when there is none), or
 * `undefined` when the expression is not valid
 */
export function parseCron(fields: string): ((after: number) => number | undefined) | undefined {
  const parts = fields.trim().split(/\s+/);
  if (parts.length !== 6) return undefined;
  const [minuteField, hourField, dayField, monthField, weekdayField, yearField] = parts as [
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  // One of the two day fields must be left open.
  if ((dayField === "?") === (weekdayField === "?")) return undefined;
  const minutes = numbers(minuteField, 0, 59);
  const hours = numbers(hourField, 0, 23);
  const months = numbers(monthField, 1, 12, MONTHS);
  const years = numbers(yearField, 1970, 2199);
  const days = dayField === "?" ? daysOfWeek(weekdayField) : daysOfMonth(dayField);
  if (!minutes || !hours || !months || !years || !days) return undefined;
  return (after) => {
    const start = new Date(after);
    for (const year of years) {
      if (year < start.getUTCFullYear()) continue;
      for (const month of months)
        for (const day of [...days(year, month)].sort((a, b) => a - b)) {
          if (Date.UTC(year, month - 1, day + 1) <= after) continue;
          for (const hour of hours)
            for (const minute of minutes) {
              const at = Date.UTC(year, month - 1, day, hour, minute);
              if (at > after) return at;
            }
        }
    }
    return undefined;
  };
}

/** A field of numbers: `*`, `a`, `a-b`, steps with `/`, lists with `,`; in ascending order. */
function numbers(field: string, low: number, high: number, names: readonly string[] = []): number[] | undefined {
  const all = new Set<number>();
  for (const part of field.split(",")) {
    const [range = "", stepText, ...more] = part.split("/");
    const step = stepText === undefined ? 1 : Number(stepText);
    const bounds = rangeOf(range, low, high, names, stepText !== undefined);
    if (!bounds || more.length > 0 || !Number.isInteger(step) || step < 1) return undefined;
    for (let value = bounds[0]; value <= bounds[1]; value += step) all.add(value);
  }
  return [...all].sort((a, b) => a - b);
}

function rangeOf(text: string, low: number, high: number, names: readonly string[], stepped: boolean) {
  if (text === "*") return [low, high] as const;
  const [first = "", second, ...more] = text.split("-");
  const from = numberOf(first, low, high, names);
  const to = second === undefined ? (stepped ? high : from) : numberOf(second, low, high, names);
  if (from === undefined || to === undefined || more.length > 0 || from > to) return undefined;
  return [from, to] as const;
}

function numberOf(text: string, low: number, high: number, names: readonly string[]): number | undefined {
  const named = names.indexOf(text.toUpperCase());
  const value = named >= 0 ? named + low : /^\d+$/.test(text) ? Number(text) : Number.NaN;
  return value >= low && value <= high ? value : undefined;
}

function daysIn(year: number, month: number): number {
  return new Date(Date.UTC(year, month, 0)).getUTCDate();
}

/** 1 (Sunday) to 7 (Saturday). */
function weekdayOf(year: number, month: number, day: number): number {
  return new Date(Date.UTC(year, month - 1, day)).getUTCDay() + 1;
}

function monthDays(year: number, month: number): number[] {
  return Array.from({ length: daysIn(year, month) }, (_, index) => index + 1);
}

function daysOfMonth(field: string): Days | undefined {
  if (field === "L") return (year, month) => new Set([daysIn(year, month)]);
  const nearest = /^(\d+|L)W$/.exec(field)?.[1];
  if (nearest) {
    if (nearest !== "L" && (Number(nearest) < 1 || Number(nearest) > 31)) return undefined;
    return (year, month) => nearestWorkday(year, month, nearest === "L" ? daysIn(year, month) : Number(nearest));
  }
  const days = numbers(field, 1, 31);
  return days && ((year, month) => new Set(days.filter((day) => day <= daysIn(year, month))));
}

/** The workday (Monday to Friday) of the same month that is nearest to a day. */
function nearestWorkday(year: number, month: number, day: number): ReadonlySet<number> {
  const last = daysIn(year, month);
  if (day > last) return new Set();
  const weekday = weekdayOf(year, month, day);
  if (weekday === 7) return new Set([day > 1 ? day - 1 : day + 2]);
  if (weekday === 1) return new Set([day < last ? day + 1 : day - 2]);
  return new Set([day]);
}

function daysOfWeek(field: string): Days | undefined {
  const special = /^([1-7]|SUN|MON|TUE|WED|THU|FRI|SAT)(?:#([1-5])|(L))$/i.exec(field);
  if (special) {
    const weekday = numberOf(special[1] ?? "", 1, 7, WEEKDAYS);
    return (year, month) => {
      const days = monthDays(year, month).filter((day) => weekdayOf(year, month, day) === weekday);
      const chosen = special[3] ? days.at(-1) : days[Number(special[2]) - 1];
      return new Set(chosen === undefined ? [] : [chosen]);
    };
  }
  const weekdays = field === "L" ? [7] : numbers(field, 1, 7, WEEKDAYS);
  return (
    weekdays &&
    ((year, month) => new Set(monthDays(year, month).filter((day) => weekdays.includes(weekdayOf(year, month, day)))))
  );
}
