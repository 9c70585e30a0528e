/** `1,234` */
export function number(value: number): string {
  return value.toLocaleString("en-US");
}

/** `1 message`, `2 messages` */
export function count(value: number, noun: string, plural = `${noun}s`): string {
  return `${number(value)} ${value === 1 ? noun : plural}`;
}

/** A span in the two largest units: `45 s`, `12 min`, `3 h 5 min`, `2 d 4 h`. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** How long ago a moment was; `unknown` for what is none. */
export function ago(moment: string, now: number): string {
  const ms = now - Date.parse(moment);
  return Number.isNaN(ms) ? "unknown" : `${duration(ms)} ago`;
}

/** Text from elsewhere as it may be shown: what a terminal would take for a command is written out, as in `\u001b[31m`. */
export function printable(text: string): string {
  const writeOut = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return text.replace(/[^\P{Cc}\n\t]/gu, writeOut);
}

/** Rows as columns, each as wide as its widest cell; no blanks at the ends. */
export function columns(given: readonly (readonly string[])[], indent = ""): string[] {
  const rows = given.map((row) => row.map(printable));
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows.map((row) =>
    `${indent}${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")}`.trimEnd(),
  );
}

/** On one line, at most so long. */
export function short(text: string, length: number): string {
  const line = printable(text.replace(/\s+/g, " ").trim());
  return line.length > length ? `${line.slice(0, length - 1)}…` : line;
}
