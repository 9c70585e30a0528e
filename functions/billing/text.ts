const CONTROLS = /\p{Cc}+/gu;

/** A text on one line as Stripe's client can send it: no control characters, no half of a surrogate pair, no blanks around. */
export function printable(text: string | null | undefined): string {
  return (text ?? "").toWellFormed().replaceAll(CONTROLS, " ").trim();
}

/** The text, or its beginning and an ellipsis, at most `max` UTF-16 units long. Never cuts a character in two. */
export function shorten(text: string, max: number): string {
  if (text.length <= max) return text;
  return `${text.slice(0, max - 1).replace(/[\uD800-\uDBFF]$/, "")}…`;
}
