import countries from "i18n-iso-countries/index.js";
import english from "i18n-iso-countries/langs/en.json" with { type: "json" };
import { lazy } from "#shared/lazy.ts";
import { COUNTRY_ALIASES } from "./country-aliases.ts";

/** "Republic of …" and its like before a country's everyday name. */
const STYLE =
  /^(?:[a-z]+ ){0,3}(?:republic|kingdom|sultanate|principality|commonwealth|duchy|emirate|confederation) of (?=.)/;

/**
 * The two-letter code of a country that is written in any usual English form: its code, its name, its name in official
 * style or the other way round (`Korea, Republic of`). Undefined for what is no country, such as `EU`.
 */
export function countryCodeOf(text: string): string | undefined {
  const code = text.trim().toUpperCase();
  if (/^[A-Z]{2}$/.test(code) && countries.isValid(code)) return code;
  if (/^[A-Z]{3}$/.test(code) && countries.isValid(code)) return countries.alpha3ToAlpha2(code);
  const names = [normalize(text), normalize(inverted(text))];
  for (const name of [...names, ...names.map((name) => name.replace(STYLE, ""))]) {
    const found = codesByName().get(name);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** By normalized name. Ours come last, as the library gives some names to two countries. */
const codesByName = lazy((): ReadonlyMap<string, string> => {
  const library = Object.entries(english.countries as Record<string, string | string[]>);
  const known = library.flatMap(([code, names]) => [names].flat().map((name) => [name, code] as const));
  const ours = Object.entries(COUNTRY_ALIASES).flatMap(([code, names]) => names.map((name) => [name, code] as const));
  const all = [...known, ...ours];
  const turned = all.filter(([name]) => /[,(]/.test(name)).map(([name, code]) => [inverted(name), code] as const);
  return new Map([...turned, ...all].map(([name, code]) => [normalize(name), code]));
});

/** `Korea, Republic of` and `Korea (Republic of)` as they are spoken. */
function inverted(text: string): string {
  const [last = "", ...first] = text.split(/[,(]/);
  return `${first.join(" ")} ${last}`;
}

/** The letters that matter: without accents, case, punctuation and articles, and with abbreviations written out. */
function normalize(text: string): string {
  return text
    .normalize("NFKD")
    .toLowerCase()
    .replaceAll(/\p{M}|[.'’‘`´]/gu, "")
    .replaceAll("&", " and ")
    .replaceAll(/[^\p{L}\p{N}]+/gu, " ")
    .replaceAll(/\bthe\b/g, " ")
    .replaceAll(/\bst(?= )/g, "saint")
    .replaceAll(/\brep\b/g, "republic")
    .replaceAll(/\bdem\b/g, "democratic")
    .replaceAll(/\b(\p{L}) (?=\p{L}\b)/gu, "$1")
    .replaceAll(/ +/g, " ")
    .trim();
}
