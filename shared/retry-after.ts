/** What names a later time than this is taken for a mistake. */
const LONGEST_SECONDS = 366 * 86_400;
/** The three forms of an HTTP date, of which the oldest says no zone, and ISO 8601; anything else JavaScript would guess at. */
const DATE = /^((mon|tue|wed|thu|fri|sat|sun)[a-z]*,? |\d{4}-\d\d-\d\dT)/i;

/**
 * Seconds that a `Retry-After` header asks to wait, to the millisecond; undefined when it names no time to come.
 * Besides whole seconds and HTTP dates it takes fractions and ISO 8601, which some servers send.
 * https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
 * @param now epoch milliseconds
 */
export function retryAfterOf(header: string | undefined, now: number): number | undefined {
  const text = header?.trim() ?? "";
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : (momentOf(text) - now) / 1000;
  return seconds > 0 && seconds <= LONGEST_SECONDS ? seconds : undefined;
}

/** Epoch milliseconds; NaN when it is no date. */
function momentOf(text: string): number {
  if (!DATE.test(text)) return Number.NaN;
  // HTTP dates are always in GMT. https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7
  return Date.parse(/(gmt|z|[+-]\d\d:?\d\d)$/i.test(text) ? text : `${text} GMT`);
}
