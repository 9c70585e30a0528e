import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { makeId, toId18, withChecksum } from "./ids.ts";

// https://help.salesforce.com/s/articleView?id=000385585&type=1
test("knows the checksums of real ids", () => {
  for (const id of ["0055f000005mc66AAA", "00Dxx0000001gEREAY", "003ak00000luKU1AAM", "005ak00000EpjsfAAB"])
    expect(withChecksum(id.slice(0, 15))).toBe(id);
});

const id15 = fc.stringMatching(/^[A-Za-z0-9]{15}$/);

test("15 characters, 18, and 18 in any case are the same id", () => {
  fc.assert(
    fc.property(id15, (id) => {
      const full = withChecksum(id);
      expect([toId18(id), toId18(full), toId18(full.toLowerCase()), toId18(full.toUpperCase())]).toEqual([
        full,
        full,
        full,
        full,
      ]);
    }),
  );
});

test("different ids stay different without regard to case", () => {
  fc.assert(
    fc.property(id15, id15, (left, right) => {
      fc.pre(left !== right);
      expect(withChecksum(left).toLowerCase()).not.toBe(withChecksum(right).toLowerCase());
    }),
  );
});

test("what is no id is refused", () => {
  for (const text of ["", "001", "001000000000000!", "0055f000005mc66AA", "0055f000005mc66AA!", "0055f000005mc669999"])
    expect(toId18(text)).toBeUndefined();
  fc.assert(fc.property(fc.string({ maxLength: 14 }), (text) => expect(toId18(text)).toBeUndefined()));
});

test("made ids rise with their sequence and never repeat", () => {
  fc.assert(
    fc.property(fc.nat(2 ** 31), (sequence) => {
      const [first, second] = [makeId("001", sequence), makeId("001", sequence + 1)];
      expect(first < second).toBe(true);
      expect(toId18(first)).toBe(first);
    }),
  );
});
