import { AwsError } from "../../kernel/errors.ts";
import type { GetObjectOutput, ListObjectsOutput } from "../../s3/index.ts";
import { READ_OBJECT } from "../definition/distributed.ts";
import type { ItemReader, MapState } from "../definition/types.ts";
import { Interruption, StateError } from "../errors.ts";
import type { Item } from "../interpreter/map.ts";
import type { Visit } from "../interpreter/visit.ts";
import { isObject, type JsonObject } from "../json.ts";
import { elementsOf } from "./formats.ts";
import type { Element } from "./json-items.ts";

/**
 * The items that an ItemReader finds in S3, as they are read.
 * https://docs.aws.amazon.com/step-functions/latest/dg/input-output-itemreader.html
 * @throws StateError `States.ItemReaderFailed` when S3 refuses, the object is missing or its content is malformed
 */
export async function* readItems(visit: Visit<MapState>, reader: ItemReader): AsyncGenerator<Item> {
  const { Resource, Arguments = {}, ReaderConfig = {} } = reader;
  const args = await visit.evaluate(Arguments, "ItemReader/Arguments");
  const { MaxItems } = ReaderConfig;
  const most =
    MaxItems === undefined ? 0 : await visit.evaluateInteger(MaxItems, "ItemReader/ReaderConfig/MaxItems", 0);
  const isObjectRead = Resource === READ_OBJECT;
  const { Bucket, Key, Prefix } = checked(args, reader, isObjectRead ? ["Key"] : [], isObjectRead ? [] : ["Prefix"]);
  const source = isObjectRead ? `S3://${Bucket}/${Key}` : `S3://${Bucket}`;
  const reading = new AbortController();
  try {
    const elements = isObjectRead
      ? elementsOf(await body(visit, { Bucket, Key }, reading.signal), ReaderConfig)
      : listing(visit, { Bucket, ...(Prefix === undefined ? {} : { Prefix }) });
    let index = 0;
    for await (const { key, value } of elements) {
      const context = { Index: index, Value: value, Source: source, ...(key === undefined ? {} : { Key: key }) };
      yield { value: key === undefined ? value : { Key: key, Value: value }, context };
      index += 1;
      if (index === most) return;
    }
  } catch (cause) {
    throw readerFailed(cause, source);
  } finally {
    reading.abort(); // whatever was not read to its end is closed
  }
}

async function body(visit: Visit, input: object, signal: AbortSignal): Promise<AsyncIterable<Buffer>> {
  const { kernel, principal } = visit.frame.run;
  const output = await kernel.call<GetObjectOutput>("s3", "GetObject", input, { principal: principal(), signal });
  return output.Body as AsyncIterable<Buffer>;
}

async function* listing(visit: Visit, input: object): AsyncGenerator<Element> {
  const { kernel, principal } = visit.frame.run;
  let token: string | undefined;
  do {
    const page = { ...input, ...(token === undefined ? {} : { ContinuationToken: token }) };
    const output = await kernel.call<ListObjectsOutput>("s3", "ListObjectsV2", page, { principal: principal() });
    for (const { key, etag, lastModified, size } of output.Contents) {
      const LastModified = Math.floor(lastModified / 1000);
      yield { value: { Etag: etag, Key: key, LastModified, Size: size, StorageClass: "STANDARD" } };
    }
    token = output.NextContinuationToken;
  } while (token !== undefined);
}

/** @throws StateError `States.Runtime` when an argument is missing or unknown */
function checked(args: unknown, { Resource }: ItemReader, required: readonly string[], optional: readonly string[]) {
  const given: JsonObject = isObject(args) ? args : {};
  const names = ["Bucket", ...required];
  const missing = names.filter((name) => typeof given[name] !== "string");
  const unknown = Object.keys(given).filter((name) => !names.includes(name) && !optional.includes(name));
  const fail = (problem: string) => new StateError("States.Runtime", `The Arguments of '${Resource}' ${problem}`);
  if (missing.length > 0) throw fail(`lack the required field(s) ${missing.join(", ")}`);
  if (unknown.length > 0) throw fail(`have the unsupported field(s) ${unknown.join(", ")}`);
  return given as { Bucket: string; Key: string; Prefix?: string };
}

function readerFailed(cause: unknown, source: string): unknown {
  if (cause instanceof StateError || cause instanceof Interruption) return cause;
  const { message } = cause as Error;
  const problem = cause instanceof AwsError ? `${cause.queryCode ?? cause.code}: ${message}` : message;
  return new StateError("States.ItemReaderFailed", `The items of ${source} could not be read. ${problem}`);
}
