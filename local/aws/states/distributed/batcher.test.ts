import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import type { ReaderConfig } from "../definition/types.ts";
import type { Json } from "../json.ts";
import { batched, single } from "./batcher.ts";
import { elementsOf } from "./formats.ts";

async function all<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}

async function* stream<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

async function* cut(text: string, sizes: readonly number[]): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(text);
  let at = 0;
  for (const size of sizes) {
    if (at < bytes.length) yield bytes.subarray(at, at + size);
    at += size;
  }
  if (at < bytes.length) yield bytes.subarray(at);
}

const read = async (text: string, config: ReaderConfig, sizes: readonly number[] = []) =>
  (await all(elementsOf(cut(text, sizes), config))).map(({ key, value }) => (key === undefined ? value : [key, value]));

const json = fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as Json);
const cuts = fc.array(fc.integer({ min: 1, max: 20 }), { maxLength: 30 });

// https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itembatcher.html
describe("the batcher", () => {
  test("keeps every item in its order, inside both limits, and packs no batch less than it could", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ maxLength: 12 }), { maxLength: 30 }),
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 120, max: 200 }),
        fc.option(fc.record({ run: fc.string({ maxLength: 4 }) }), { nil: undefined }),
        async (items, maxItems, maxBytes, batchInput) => {
          const limits = { maxItems, maxBytes, ...(batchInput ? { batchInput } : {}) };
          const inputs = await all(batched(stream(items), limits, "Map"));
          const batches = inputs.map(({ text }) => JSON.parse(text) as { Items: string[]; BatchInput?: Json });
          expect(batches.flatMap(({ Items }) => Items)).toEqual(items);
          expect(inputs.map((input) => input.items)).toEqual(batches.map(({ Items }) => Items.length));
          for (const [index, { text }] of inputs.entries()) {
            expect(batches[index]?.BatchInput).toEqual(batchInput);
            expect(Buffer.byteLength(text)).toBeLessThanOrEqual(maxBytes);
            const first = batches[index + 1]?.Items[0];
            if (first === undefined || batches[index]?.Items.length === maxItems) continue;
            expect(Buffer.byteLength(text) + Buffer.byteLength(JSON.stringify(first)) + 1).toBeGreaterThan(maxBytes);
          }
        },
      ),
    ));

  test("refuses an item that no child could take", async () => {
    const large = "x".repeat(300_000);
    await expect(all(single(stream([large]), "Each"))).rejects.toMatchObject({ error: "States.DataLimitExceeded" });
    const limits = { maxItems: 10, maxBytes: 50 };
    await expect(all(batched(stream(["a", "x".repeat(60)]), limits, "Each"))).rejects.toMatchObject({
      error: "States.DataLimitExceeded",
      causeText: expect.stringContaining("'Each'"),
    });
  });
});

// https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html
describe("the formats", () => {
  test("JSON arrays and objects, however the file is cut and indented", () =>
    fc.assert(
      fc.asyncProperty(
        fc.oneof(fc.array(json, { maxLength: 6 }), fc.dictionary(fc.string(), json, { maxKeys: 6 })),
        fc.nat(2),
        cuts,
        async (document, indent, sizes) => {
          const plain = JSON.parse(JSON.stringify(document));
          const expected = Array.isArray(plain) ? plain : Object.entries(plain);
          expect(await read(`\n${JSON.stringify(document, null, indent)} `, { InputType: "JSON" }, sizes)).toEqual(
            expected,
          );
        },
      ),
    ));

  test("JSON Lines, with empty lines and either line end", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(json, { maxLength: 6 }),
        fc.constantFrom("\n", "\r\n", "\n\n"),
        cuts,
        (items, end, sizes) =>
          read(items.map((item) => JSON.stringify(item)).join(end), { InputType: "JSONL" }, sizes).then((found) =>
            expect(found).toEqual(JSON.parse(JSON.stringify(items))),
          ),
      ),
    ));

  test("CSV: quotes, missing and surplus fields, empty lines, given headers and other delimiters", async () => {
    const first = { InputType: "CSV", CSVHeaderLocation: "FIRST_ROW" } as const;
    expect(await read('\uFEFFid,name\r\n1,"a, ""b""\nc"\r\n\r\n2\r\n3,d,e\r\n', first, [3, 5, 7])).toEqual([
      { id: "1", name: 'a, "b"\nc' },
      { id: "2", name: "" },
      { id: "3", name: "d" },
    ]);
    const given = {
      InputType: "CSV",
      CSVHeaderLocation: "GIVEN",
      CSVHeaders: ["a", "b"],
      CSVDelimiter: "PIPE",
    } as const;
    expect(await read("1|2\n3|4", given)).toEqual([
      { a: "1", b: "2" },
      { a: "3", b: "4" },
    ]);
    expect(await read("id,name\n", first)).toEqual([]);
  });

  test.each([
    ["JSON", "[1, 2", "Unexpected end of JSON input"],
    ["JSON", "[1,]", "Element 2 is not valid JSON."],
    ["JSON", "[,1]", "Element 1 is not valid JSON."],
    ["JSON", '["Anna Secret", nope]', "Element 2 is not valid JSON."],
    ["JSON", "[1}", "Unexpected '}'"],
    ["JSON", "[1] x", "Unexpected 'x' after the end of the document"],
    ["JSON", '{"a": 1, "b"}', "Element 2 is not valid JSON."],
    ["JSON", '"text"', "Attempting to map over non-iterable node."],
    ["JSON", "", "Attempting to map over non-iterable node."],
    ["JSONL", '{"a":1}\n{"a"', "Line 2 is not valid JSON."],
    ["CSV", 'id\n"open', "Line 2 is not valid CSV: CSV_QUOTE_NOT_CLOSED."],
  ] as const)("malformed %s: %s", async (InputType, text, message) => {
    const csv = InputType === "CSV" ? { CSVHeaderLocation: "FIRST_ROW" as const } : {};
    await expect(read(text, { InputType, ...csv })).rejects.toThrow(message);
  });

  test("text that is not UTF-8 is refused", async () => {
    const source = elementsOf(stream([Buffer.from([0x5b, 0x22, 0xff, 0x22, 0x5d])]), { InputType: "JSON" });
    await expect(all(source)).rejects.toThrow("not valid for encoding utf-8");
  });
});
