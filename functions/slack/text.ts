const MAX_ID = 80;
/** Longer than any command with an id. */
const MAX_CODE = 160;

export function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? "" : "s"}`;
}

/** An id or a command, as Slack shows code. */
export function code(text: string): string {
  return `\`${clean(text.replaceAll("`", "'"), MAX_CODE)}\``;
}

/** A moment in the reader's own time zone. https://docs.slack.dev/messaging/formatting-message-text#date-formatting */
export function moment(iso: string): string {
  const ms = Date.parse(iso);
  const text = clean(iso, MAX_ID);
  return Number.isNaN(ms) ? text : `<!date^${Math.floor(ms / 1000)}^{date_short_pretty} {time_secs}|${text}>`;
}

/**
 * Text on one line that Slack takes literally, at most `length` characters long once it is escaped.
 * https://docs.slack.dev/messaging/formatting-message-text#escaping
 */
export function clean(text: string, length: number): string {
  let result = "";
  for (const character of text.replaceAll(/\s+/g, " ")) {
    const next = ESCAPES[character] ?? character;
    if (result.length + next.length >= length) return `${result}…`;
    result += next;
  }
  return result;
}

const ESCAPES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };
