import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { expect, test } from "@jest/globals";
import { agrees, ask, type Terminal } from "./ask.ts";

/** A terminal at which somebody types. */
function typing(keys: string): Terminal & { shown(): Promise<string> } {
  const [input, output] = [new PassThrough(), new PassThrough()];
  input.write(keys);
  const shown = () => {
    output.end();
    return text(output);
  };
  return { input, output, shown };
}

test("what is typed in answer to a secret question is not shown", async () => {
  const terminal = typing("rk_live_secret\r");
  expect(await ask("Restricted key", true, terminal)).toBe("rk_live_secret");
  expect(await terminal.shown()).toBe("Restricted key: \n");
});

test("other answers are, without the blanks around them", async () => {
  const terminal = typing(" C1 \r");
  expect(await ask("Channel", false, terminal)).toBe("C1");
  expect(await terminal.shown()).toContain("C1");
});

test.each([
  ["Ctrl-C", "half\u0003"],
  ["Ctrl-D", "\u0004"],
])("%s ends it", async (_, keys) => {
  await expect(ask("Key", true, typing(keys))).rejects.toThrow("nothing was stored");
});

test.each([
  ["y\r", true],
  ["yes\r", true],
  ["\r", false],
  ["n\r", false],
])("%j is consent: %j", async (keys, expected) => {
  expect(await agrees("Remove?", typing(keys))).toBe(expected);
});
