import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { fitPhone } from "./phone.ts";

describe("fitPhone", () => {
  test.each(["", "+1 555 0100", "call Anne first", "(030) 1234567 ext. 12"])("leaves what fits: '%s'", (text) => {
    expect(text.length).toBeLessThanOrEqual(21);
    expect(fitPhone(text, 21, "")).toBe(text);
  });

  test.each([
    ["an extension", "+1 555-555-5656 ext. 725", "", "+15555555656"],
    ["another word for it", "+44 20 7946 0958 extension 12", "", "+442079460958"],
    ["the country of the address", "555-555-5656 extension 725", "US", "+15555555656"],
    ["no country", "555-555-5656 extension 725", "", "555-555-5656"],
    ["a zero that is dialled at home alone", "+44 (0)20 7946 0958 (reception desk)", "", "+442079460958"],
    ["an area code behind a slash", "+49 (0) 30 / 123 456 78 Durchwahl 9", "", "+493012345678"],
    ["an area code behind a slash, and no country", "030 / 123 456 78 Durchwahl", "", "03012345678"],
    ["two numbers", "030 1234567 / 0171 1234567 (Büro)", "DE", "+49301234567"],
    ["two numbers, and no country", "030 1234567 / 0171 1234567 (Büro)", "", "030 1234567"],
    ["a sentence around it", "Tel.: +49 30 12345678, nach 18 Uhr", "", "+493012345678"],
    ["far too many digits", "1234567890123456789012345678901234567890", "US", ""],
    ["no number", "office hours only please call first", "GB", ""],
    ["digits that are no number", "room 12 in building 7, ask for Anne", "", ""],
    ["a country that has no telephones", "555-555-5656 extension 725", "AQ", "555-555-5656"],
  ])("reduces a text with %s", (_name, text, country, expected) => {
    expect(fitPhone(text, 20, country)).toBe(expected);
  });

  test("always fits", () => {
    const units = fc.constantFrom(..."0123456789+()-./ ext;,#", "😀", "٣", "１");
    const country = fc.constantFrom("", "US", "DE", "GB", "XX");
    fc.assert(
      fc.property(fc.string({ unit: units, maxLength: 60 }), country, (text, where) => {
        expect(fitPhone(text, 20, where).length).toBeLessThanOrEqual(20);
      }),
      { numRuns: 500 },
    );
  });
});
