import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { FleetError } from "#shared/errors.ts";
import {
  checkbox,
  currency,
  date,
  dateTime,
  email,
  type Field,
  firstOf,
  multiPicklist,
  number,
  phone,
  picklist,
  reference,
  required,
  text,
} from "./field-types.ts";

const read = <T>(field: Field<T>, value: unknown) => field.read({ F: value });

describe("a value", () => {
  test.each<[string, Field, unknown, unknown]>([
    ["a text without its blanks", text("F"), "  Acme GmbH ", "Acme GmbH"],
    ["an e-mail address", email("F"), "a@b.example", "a@b.example"],
    ["what Salesforce takes for one", email("F"), "a..b@b.example", "a..b@b.example"],
    ["a telephone number", phone("F"), "(030) 1", "(030) 1"],
    ["a picklist", picklist("F"), "Team", "Team"],
    ["a multi-select picklist in its stored order", multiPicklist("F"), "B;A", ["B", "A"]],
    ["one value of a multi-select picklist", multiPicklist("F"), "A", ["A"]],
    ["zero", number("F"), 0, 0],
    ["false", checkbox("F"), false, false],
    ["a date", date("F"), "2024-02-29", "2024-02-29"],
    ["a date-time as REST writes it", dateTime("F"), "2024-09-09T19:25:27.000+0000", "2024-09-09T19:25:27.000Z"],
    ["a date-time in UTC", dateTime("F"), "2024-09-09T19:25:27Z", "2024-09-09T19:25:27.000Z"],
    ["a date-time with an offset", dateTime("F"), "2024-09-09T19:25:27.5+05:30", "2024-09-09T13:55:27.500Z"],
    ["a reference, completed", reference("F"), "0015f00002J9YaU", "0015f00002J9YaUAAV"],
  ])("%s", (_name, field, value, expected) => {
    expect(read(field, value)).toEqual(expected);
  });

  const every: [string, Field][] = Object.entries({
    text: text("F"),
    email: email("F"),
    phone: phone("F"),
    picklist: picklist("F"),
    multiPicklist: multiPicklist("F"),
    number: number("F"),
    checkbox: checkbox("F"),
    date: date("F"),
    dateTime: dateTime("F"),
    reference: reference("F"),
    currency: currency("F"),
  });

  test.each(every)("%s without a value is null", (_name, field) => {
    for (const empty of [null, undefined, "", " \n"]) expect(read(field, empty)).toBeNull();
  });

  test.each(every)("%s refuses another type by the field's name, never by its value", (_name, field) => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        try {
          read(field, value);
        } catch (error) {
          expect(error).toBeInstanceOf(FleetError);
          expect((error as Error).message).toMatch(/^F (must be|is) /);
        }
      }),
    );
  });

  test.each<[string, Field, unknown]>([
    ["a date with a time", date("F"), "2024-02-29T00:00:00Z"],
    ["a day that is not in the calendar", date("F"), "2023-02-29"],
    ["a date-time without offset, which would be ours", dateTime("F"), "2024-09-09T19:25:27"],
    ["a month that is none", dateTime("F"), "2024-13-09T19:25:27Z"],
    ["a number as text", number("F"), "7"],
    ["a checkbox as text", checkbox("F"), "true"],
    ["a reference with a wrong checksum", reference("F"), "0015f00002J9YaUAAA"],
  ])("%s is refused", (_name, field, value) => {
    expect(() => read(field, value)).toThrow(FleetError);
  });
});

describe("a date", () => {
  test("is the same day whatever the time zone", () => {
    const day = fc.date({ min: new Date("1900-01-01"), max: new Date("2100-01-01"), noInvalidDate: true });
    fc.assert(
      fc.property(day, (any) => {
        const written = any.toISOString().slice(0, 10);
        expect(read(date("F"), written)).toBe(written);
      }),
    );
  });
});

describe("money", () => {
  test("has the currency where the org tells it", () => {
    const field = currency("Revenue__c");
    expect(field.read({ Revenue__c: 12.5, CurrencyIsoCode: "EUR" })).toEqual({ amount: 12.5, currency: "EUR" });
    expect(field.read({ Revenue__c: 12.5 })).toEqual({ amount: 12.5, currency: null });
    expect(field.read({ CurrencyIsoCode: "EUR" })).toBeNull();
    expect(field.sources).toEqual([
      { name: "Revenue__c", types: ["currency"] },
      { name: "CurrencyIsoCode", types: ["picklist"], optional: true },
    ]);
  });
});

describe("a field of fields", () => {
  test("required refuses a blank by name", () => {
    expect(required(text("Name")).read({ Name: "Acme" })).toBe("Acme");
    expect(() => required(text("Name")).read({ Name: " " })).toThrow("Name is empty");
  });

  test("firstOf takes the first that has a value, and names all it reads", () => {
    const field = firstOf(email("A"), email("B"));
    expect(field.read({ A: null, B: "b@b.example" })).toBe("b@b.example");
    expect(field.read({ A: "a@a.example", B: "b@b.example" })).toBe("a@a.example");
    expect(field.read({})).toBeNull();
    expect(field.sources.map(({ name }) => name)).toEqual(["A", "B"]);
  });
});
