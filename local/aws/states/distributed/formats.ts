import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { parse } from "csv-parse";
import type { ReaderConfig } from "../definition/types.ts";
import type { Json } from "../json.ts";
import { type Element, jsonElements } from "./json-items.ts";

const DELIMITERS = { COMMA: ",", PIPE: "|", SEMICOLON: ";", SPACE: " ", TAB: "\t" } as const;

/**
 * The items in a file, read as it comes.
 * https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html
 * @throws Error naming the line or the place when the file is malformed
 */
export function elementsOf(body: AsyncIterable<Buffer>, config: ReaderConfig): AsyncGenerator<Element> {
  if (config.InputType === "JSON") return jsonElements(textOf(body));
  if (config.InputType === "JSONL") return jsonLines(textOf(body));
  return csvRows(body, config);
}

async function* textOf(body: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  for await (const chunk of body) yield decoder.decode(chunk, { stream: true });
  yield decoder.decode();
}

async function* jsonLines(chunks: AsyncIterable<string>): AsyncGenerator<Element> {
  let rest = "";
  let line = 0;
  for await (const chunk of chunks) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const text of lines) yield* jsonLine(text, ++line);
  }
  yield* jsonLine(rest, line + 1);
}

function* jsonLine(text: string, line: number): Generator<Element> {
  if (text.trim() === "") return;
  try {
    yield { value: JSON.parse(text) as Json };
  } catch (cause) {
    throw new Error(`Line ${line} is not valid JSON.`, { cause }); // the parser's own words quote the line
  }
}

/** Rows as objects of strings. Missing fields are empty, surplus ones are dropped, empty lines do not count. */
async function* csvRows(body: AsyncIterable<Buffer>, config: ReaderConfig): AsyncGenerator<Element> {
  const delimiter = DELIMITERS[config.CSVDelimiter ?? "COMMA"];
  const parser = parse({ delimiter, bom: true, relax_column_count: true, skip_empty_lines: true });
  const reading = pipeline(Readable.from(body), parser);
  reading.catch(() => undefined); // the iteration below throws the same
  let headers = config.CSVHeaderLocation === "GIVEN" ? config.CSVHeaders : undefined;
  try {
    for await (const row of parser as AsyncIterable<string[]>) {
      if (headers) yield { value: Object.fromEntries(headers.map((name, column) => [name, row[column] ?? ""])) };
      else headers = row;
    }
  } catch (cause) {
    const { code, lines } = cause as { code?: string; lines?: number };
    throw code?.startsWith("CSV_") ? new Error(`Line ${lines} is not valid CSV: ${code}.`, { cause }) : cause;
  }
}
