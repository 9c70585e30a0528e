import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { fitName } from "./names.ts";

test("a name that fits stays as it is", () => {
  expect(fitName("connector-fleet-dev-slack-notify", 64)).toBe("connector-fleet-dev-slack-notify");
  expect(fitName("a".repeat(64), 64)).toBe("a".repeat(64));
});

test("any other is cut, never to the same one, and to the same one every time", () => {
  const name = fc.stringMatching(/^[a-z][a-z0-9-]{20,120}$/);
  fc.assert(
    fc.property(name, name, fc.integer({ min: 20, max: 80 }), (one, other, most) => {
      const [short, second] = [fitName(one, most), fitName(other, most)];
      expect(short.length).toBeLessThanOrEqual(most);
      expect(short).toMatch(/^[a-z][a-z0-9-]*$/);
      expect(fitName(one, most)).toBe(short);
      expect(short === second).toBe(one === other);
    }),
  );
});
