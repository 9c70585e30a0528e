import { inspect } from "node:util";
import fc from "fast-check";

/** Personal data and secrets that nobody else has, so that finding one of their words anywhere is a leak. */
export const MARKED = {
  names: ["Erika Quellmustermann", "Александра Знакомцева", "山田 太郎左衛門", "فاطمة المعلمة", "Søren Mærkesen"],
  emails: ["erika.quell@markiert.example", "знакомцева@пример.example", "tarozaemon+mark@example.org"],
  phones: ["+49 30 5550198711", "(+81) 3-5550-198722", "+٩٦٦ ٥٥٥٠١٩٨"],
  addresses: ["Kennzeichenweg 7711, 10115 Berlin", "東京都千代田区目印町七丁目", "улица Меченая, дом 7722"],
  secrets: ["sk_live_MARKED0198733secret", "xoxb-MARKED-0198744-secret", "00DMARKED!AQ0198755.secret/token"],
} as const;

const ALL: readonly string[] = Object.values(MARKED).flat();
/** Whole, and the words that are long enough to mean somebody; a short number may be part of any time or id. */
const MEANS_SOMEBODY = /^(?=.*\p{L}).{5,}$|^.{8,}$/u;
const NEEDLES = [
  ...new Set(ALL.flatMap((mark) => [mark, ...mark.split(/[\s,]+/).filter((word) => MEANS_SOMEBODY.test(word))])),
];

export const marked: fc.Arbitrary<string> = fc.constantFrom(...ALL);

/** A vendor's words around a mark: as they come, after a sentence that may be told, with lines that look like a stack. */
export function markedWords(sentences: readonly string[] = []): fc.Arbitrary<string> {
  const before = fc.oneof(fc.constantFrom("", "value: ", "\n    at ", ...sentences), fc.string({ unit: "binary" }));
  const after = fc.oneof(fc.constantFrom("", " is wrong", ":1:1", " (max length=5)", ...sentences), fc.string());
  return fc.tuple(before, marked, after).map((parts) => parts.join(""));
}

/** The marks that a text holds, as they are, escaped as JSON, or encoded in a URL. */
export function marksIn(text: string): string[] {
  const forms = [text, text.replace(/\\u([0-9a-f]{4})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))];
  if (/%[0-9a-f]{2}/i.test(text)) forms.push(decoded(text));
  return NEEDLES.filter((mark) => forms.some((form) => form.includes(mark)));
}

/** The marks that an error takes along, hidden members, stack and causes included. */
export function marksInError(error: unknown): string[] {
  return marksIn(`${inspect(error, { showHidden: true, depth: Number.POSITIVE_INFINITY, maxStringLength: null })}`);
}

function decoded(text: string): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (bytes) => Buffer.from(bytes.replaceAll("%", ""), "hex").toString());
}
