/** The command line itself is wrong; ends with exit code 2 and a pointer to the help. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** What a command does once its arguments are read; gives the exit code. */
export type Work = () => Promise<number>;

const UNITS: Record<string, number> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** The whole number that an option was given. @throws UsageError */
export function wholeNumber(option: string, text: string, least: number, most = Number.MAX_SAFE_INTEGER): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= least && number <= most) return number;
  const range = most === Number.MAX_SAFE_INTEGER ? `from ${least} on` : `from ${least} to ${most}`;
  throw new UsageError(`${option} takes a whole number ${range}; got '${text}'`);
}

/** The id of an organisation that `--org` was given, if it was. @throws UsageError */
export function orgOf(text: string | undefined): string | undefined {
  if (text === undefined || /^(\w{15}|\w{18})$/.test(text)) return text;
  throw new UsageError(`--org takes an id of 15 or 18 characters; got '${text}'`);
}

/** Milliseconds of a span such as `30m`, `6h` or `2d`. @throws UsageError */
export function spanOf(option: string, text: string): number {
  const [, amount, unit] = text.match(/^(\d+)([mhd])$/) ?? [];
  if (amount && unit) return Number(amount) * (UNITS[unit] ?? 0);
  throw new UsageError(`${option} takes a number with m, h or d, such as 30m; got '${text}'`);
}

/** A moment with its offset, as ISO 8601 in UTC. @throws UsageError */
export function momentOf(option: string, text: string): string {
  return (
    readMoment(text) ?? fail(`${option} takes a moment with its offset, such as 2026-11-22T10:00:00Z; got '${text}'`)
  );
}

/** A moment, or how long ago it was: `2h` is two hours before `now`. @throws UsageError */
export function momentOrSpan(option: string, text: string, now: number): string {
  if (/^\d+[mhd]$/.test(text)) return new Date(now - spanOf(option, text)).toISOString();
  const wanted = "a span such as 2h, or a moment with its offset such as 2026-11-22T10:00:00Z";
  return readMoment(text) ?? fail(`${option} takes ${wanted}; got '${text}'`);
}

/** A date alone, or a time without its offset, would mean another moment on every machine. */
function readMoment(text: string): string | undefined {
  const moment = Date.parse(text);
  return /T.*(Z|[+-]\d\d:\d\d)$/.test(text) && !Number.isNaN(moment) ? new Date(moment).toISOString() : undefined;
}

function fail(sentence: string): never {
  throw new UsageError(sentence);
}
