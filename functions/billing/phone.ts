import { type CountryCode, isSupportedCountry, parsePhoneNumberFromString } from "libphonenumber-js/min";

/** Digits and what people put between them; the second holds a slash for an area code, or two numbers. */
const NUMBER = /\+?\d[\d\s().-]*\d/;
const SLASHED = /\+?\d[\d\s()./-]*\d/;
/** A shorter run is an area code, or part of a sentence. */
const FEWEST_DIGITS = 7;

/**
 * A telephone number in a form of at most `max` characters, or an empty text when there is none: half a number is no
 * number. What people wrote stays where it fits; otherwise it is the first number, in E.164 if its country is known,
 * without its extension.
 * @param country two letters, or empty; where a number without `+` is dialled
 */
export function fitPhone(text: string, max: number, country: string): string {
  if (text.length <= max) return text;
  const [first, slashed] = [NUMBER, SLASHED].map((pattern) => pattern.exec(text)?.[0] ?? "") as [string, string];
  for (const candidate of [text, compact(slashed), first]) {
    const international = toInternational(candidate, country);
    if (international !== undefined) return international;
  }
  const fits = (written: string) => written.length <= max && compact(written).length >= FEWEST_DIGITS;
  return [first, compact(first), compact(slashed)].find(fits) ?? "";
}

function toInternational(text: string, country: string): string | undefined {
  const defaultCountry: CountryCode | undefined = isSupportedCountry(country) ? country : undefined;
  const parsed = parsePhoneNumberFromString(text, defaultCountry);
  return parsed?.isPossible() ? parsed.number : undefined;
}

/** The digits; `(0)` is dialled inside the country alone. */
function compact(text: string): string {
  return text.replaceAll("(0)", "").replaceAll(/[^+\d]/g, "");
}
