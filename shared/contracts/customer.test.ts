import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { emailSchema, formatVersion, versionSchema } from "./customer.ts";

const YEAR_2100 = 4_102_444_800_000;
const ms = fc.nat({ max: YEAR_2100 });

describe("a version", () => {
  test("reads Salesforce's dates as REST and as CDC write them", () => {
    const expected = "2024-09-09T19:25:27.000Z/001725909927000/001725909930000";
    const [commit, readAt] = [1_725_909_927_000, 1_725_909_930_000];
    expect(formatVersion("2024-09-09T19:25:27.000+0000", commit, readAt)).toBe(expected);
    expect(formatVersion("2024-09-09T19:25:27.000Z", commit, readAt)).toBe(expected);
    expect(formatVersion(commit, commit, readAt)).toBe(expected);
  });

  test("sorts as text by SystemModstamp, then by commit, then by read", () => {
    const moment = fc.tuple(ms, ms, ms);
    fc.assert(
      fc.property(moment, moment, (a, b) => {
        const [one, other] = [formatVersion(...a), formatVersion(...b)];
        const expected = a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
        expect(Math.sign(one < other ? -1 : one > other ? 1 : 0)).toBe(Math.sign(expected));
      }),
    );
  });

  test("always fits its schema", () => {
    fc.assert(
      fc.property(ms, ms, ms, (a, b, c) => expect(versionSchema.safeParse(formatVersion(a, b, c)).success).toBe(true)),
    );
  });

  test.each(["", "2024", "2024-09-09T19:25:27.000Z/1/2"])("'%s' is none", (text) => {
    expect(versionSchema.safeParse(text).success).toBe(false);
  });
});

describe("an e-mail address", () => {
  test.each(["a@b.example", "R&D!#$%'*+/=?^_`{|}~-@acme.example", "Ada.L@mail.xn--p1ai", "1@2.example"])(
    "may be %s",
    (address) => expect(emailSchema.safeParse(address).success).toBe(true),
  );

  test.each(["", "a", "a@", "a@b", "a..b@c.example", ".a@b.example", "a.@b.example", "a b@c.example", "a@-b.example"])(
    "is never '%s'",
    (address) => expect(emailSchema.safeParse(address).success).toBe(false),
  );
});
