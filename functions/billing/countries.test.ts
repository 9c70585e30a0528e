import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import countries from "i18n-iso-countries/index.js";
import english from "i18n-iso-countries/langs/en.json" with { type: "json" };
import { countryCodeOf } from "./countries.ts";

const CODES = Object.keys(countries.getAlpha2Codes());
const LIBRARY = Object.entries(english.countries as Record<string, string | string[]>).flatMap(([code, names]) =>
  [names].flat().map((name): [string, string] => [name, code]),
);

/** One line per country: its code and what people write; the everyday, the official and the listed forms. */
const USUAL = `
AE: UAE | U.A.E. | The United Arab Emirates | Emirates
AG: Antigua & Barbuda
AR: Argentine Republic
AU: Commonwealth of Australia
BA: Bosnia | Bosnia & Herzegovina | Bosnia-Herzegovina
BN: Brunei
BO: Bolivia, Plurinational State of | Bolivia (Plurinational State of)
BS: The Bahamas | Bahamas, The | Commonwealth of The Bahamas
CD: Congo, the Democratic Republic of the | DR Congo | D.R. Congo | DRC | Congo (Kinshasa) | Congo, Dem. Rep. of
CG: Congo | Republic of the Congo | Congo (Brazzaville)
CH: Swiss Confederation
CI: Ivory Coast | Cote d'Ivoire | Côte d’Ivoire | Republic of Côte d'Ivoire
CN: China | P.R. China | PRC | People's Republic of China | Mainland China
CV: Cape Verde | Cabo Verde
CZ: Czech Republic | The Czech Republic | Czechia
DE: germany | GERMANY | Federal Republic of Germany
EG: Arab Republic of Egypt
FK: Falkland Islands
FM: Federated States of Micronesia
FR: French Republic
GB: UK | U.K. | United Kingdom | Great Britain | England | Scotland | Wales | Northern Ireland | United Kingdom of Great Britain and Northern Ireland
GM: Gambia, The | The Gambia
GR: Hellenic Republic | EL
GY: Co-operative Republic of Guyana
HK: Hong Kong | Hong Kong SAR | Hong Kong S.A.R., China
IE: Republic of Ireland | Eire | Éire
IR: Iran, Islamic Republic of | Islamic Republic of Iran | Iran
JO: Hashemite Kingdom of Jordan
KG: Kyrgyz Republic
KN: St. Kitts and Nevis | St Kitts & Nevis
KP: Korea, Democratic People's Republic of | Democratic People's Republic of Korea | DPRK | North Korea | Korea, North
KR: Korea, Republic of | Korea (Republic of) | Republic of Korea | South Korea | Korea, South | S. Korea
LA: Laos | Lao PDR | Lao People's Democratic Republic
LC: St. Lucia | Saint Lucia
LK: Democratic Socialist Republic of Sri Lanka
LU: Grand Duchy of Luxembourg
MD: Moldova | Moldova, Republic of | Republic of Moldova
MK: Macedonia, the former Yugoslav Republic of | North Macedonia | FYROM
MM: Burma | Myanmar
MO: Macau | Macao
MX: United Mexican States
NL: Holland | The Netherlands | Kingdom of the Netherlands
OM: Sultanate of Oman
PH: The Philippines | Republic of the Philippines
PS: Palestine, State of | Palestinian Territory, Occupied
PT: Portuguese Republic
RE: Reunion | Réunion
RU: Russia | Russian Federation | The Russian Federation
SA: Kingdom of Saudi Arabia | KSA
SH: Saint Helena, Ascension and Tristan da Cunha | St. Helena
SK: Slovak Republic
ST: São Tomé & Príncipe
SY: Syria
SZ: Swaziland | Eswatini | Kingdom of Eswatini
TL: East Timor | Timor-Leste
TR: Turkey | Türkiye | Turkiye | Republic of Türkiye
TT: Trinidad & Tobago
TW: Taiwan | Taiwan, Province of China | Taiwan, R.O.C.
TZ: Tanzania, United Republic of | Tanzania
US: United States of America | The United States of America | U.S.A. | U. S. A. | USA | U.S. | United States | America | usa | us
VA: Vatican City | Holy See (Vatican City State)
VC: St. Vincent & the Grenadines
VE: Venezuela, Bolivarian Republic of | Venezuela
VG: British Virgin Islands | Virgin Islands, British
VI: U.S. Virgin Islands | Virgin Islands, U.S.
VN: Vietnam | Viet Nam | Socialist Republic of Vietnam
ZA: Republic of South Africa`;

const usual = USUAL.trim()
  .split("\n")
  .flatMap((line) => {
    const [code = "", names = ""] = line.split(": ");
    return names.split(" | ").map((name): [string, string] => [name, code]);
  });

describe("the code of a country", () => {
  test.each(usual)("'%s' is %s", (name, code) => {
    expect(countryCodeOf(name)).toBe(code);
  });

  test("comes from every code of ISO 3166-1, of two letters or three, in any case", () => {
    expect(CODES.length).toBeGreaterThan(245);
    for (const code of CODES) {
      const three = countries.alpha2ToAlpha3(code) ?? "";
      for (const text of [code, code.toLowerCase(), ` ${three} `, three.toLowerCase()])
        expect([text, countryCodeOf(text)]).toEqual([text, code]);
    }
  });

  test("comes from every English name of the library; the only name it gives to two is ISO's of the first", () => {
    const twice = LIBRARY.filter(([name, code]) => LIBRARY.some(([other, of]) => other === name && of !== code));
    expect(twice).toEqual([
      ["Congo", "CG"],
      ["Congo", "CD"],
    ]);
    for (const [name, code] of LIBRARY.filter(([name]) => name !== "Congo"))
      for (const text of [name, name.toUpperCase(), `The ${name}`])
        expect([text, countryCodeOf(text)]).toEqual([text, code]);
  });

  // https://cldr.unicode.org: the names that browsers show.
  test.each(["long", "short"] as const)("comes from every %s English name of Unicode", (style) => {
    const names = new Intl.DisplayNames("en", { type: "region", style });
    // Saint Martin may be either half of the island.
    for (const code of CODES.filter((one) => one !== "MF"))
      expect([names.of(code), countryCodeOf(String(names.of(code)))]).toEqual([names.of(code), code]);
  });

  test.each([
    "",
    " ",
    "EU",
    "European Union",
    "DD",
    "AN",
    "ZZ",
    "XX",
    "ABC",
    "276",
    "Middle-earth",
    "Korea",
    "Virgin Islands",
  ])("'%s' has none", (text) => expect(countryCodeOf(text)).toBeUndefined());

  test("is a code or nothing, whatever the text", () => {
    const units = fc.constantFrom(..."Republic of the Kingdom, St. &'()-É", "constructor", "__proto__", "\uD800", "😀");
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: units }), fc.string()), (text) => {
        expect([undefined, ...CODES]).toContain(countryCodeOf(text));
      }),
    );
  });
});
