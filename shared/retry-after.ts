/**
 * Seconds that a `Retry-After` header asks to wait, to the millisecond; undefined when it names no time to come.
 * Besides whole seconds and HTTP dates it takes fractions, which some servers send.
 * https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
 * @param now epoch milliseconds
 */
export function retryAfterOf(header: string | undefined, now: number): number | undefined {
  const text = header?.trim();
  if (!text) return undefined;
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : (Date.parse(text) - now) / 1000;
  return Number.isFinite(seconds) && seconds > 0 ? seconds : undefined;
}
