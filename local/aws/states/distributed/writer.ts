import { randomUUID } from "node:crypto";
import type { PutObjectInput } from "../../s3/index.ts";
import type { ResultWriter } from "../definition/types.ts";
import { StateError } from "../errors.ts";
import type { ExecutionRecord } from "../execution.ts";
import type { Run } from "../interpreter/frame.ts";
import type { Json, JsonObject } from "../json.ts";
import type { MapRun, MapRunRecord, ResultFile } from "./map-run.ts";

type Config = NonNullable<ResultWriter["WriterConfig"]>;
type Group = "SUCCEEDED" | "FAILED" | "PENDING";

/** Bytes of one file of results. */
const MAX_FILE_BYTES = 5 * 1024 ** 3;
const EXPORTED: Config = { Transformation: "NONE", OutputType: "JSON" };
/** Bytes that are handed on together. */
const CHUNK_BYTES = 64 * 1024;

/**
 * Writes the results of a Map Run to its bucket: a file for each kind of end, and the manifest that lists them. After
 * a redrive the manifest lists the successes of all attempts, and the failures of the last one.
 * https://docs.aws.amazon.com/step-functions/latest/dg/input-output-resultwriter.html
 * @returns the result of the Map state
 * @throws StateError `States.ResultWriterFailed`
 */
export async function writeResults(run: Run, mapRun: MapRun, config: Config = EXPORTED): Promise<JsonObject> {
  const { record } = mapRun;
  const { bucket } = record.destination as NonNullable<typeof record.destination>;
  const folder = folderOf(record);
  const Key = `${folder}manifest.json`;
  const result = { MapRunArn: mapRun.arn, ResultWriterDetails: { Bucket: bucket, Key } };
  if (record.writtenAttempt === record.redriveCount) return result; // by an earlier run of the twin
  const group = (name: Group) => writeGroup(run, mapRun, name, { bucket, folder }, config);
  try {
    const FAILED = await group("FAILED");
    const PENDING = await group("PENDING");
    const SUCCEEDED = [...record.written, ...(await group("SUCCEEDED"))];
    const manifest = { DestinationBucket: bucket, MapRunArn: mapRun.arn, ResultFiles: { FAILED, PENDING, SUCCEEDED } };
    await put(run, { Bucket: bucket, Key, Body: JSON.stringify(manifest) });
    record.written = SUCCEEDED;
    record.writtenAttempt = record.redriveCount;
    return result;
  } catch (cause) {
    throw writerFailed(cause, `${bucket}/${folder}`);
  }
}

/** @throws StateError `States.ResultWriterFailed` when the role may not write where the results shall go */
export function checkDestination({ kernel, principal }: Run, { record }: MapRun): void {
  const { destination } = record;
  if (!destination) return;
  const input = { Bucket: destination.bucket, Key: `${folderOf(record)}manifest.json` };
  const call = { principal: principal(), requestId: randomUUID() };
  const accesses = kernel.service("s3").operations.PutObject?.access(input, call) ?? [];
  try {
    for (const access of accesses) kernel.identities.authorize(call.principal, access);
  } catch (cause) {
    throw writerFailed(cause, destination.bucket);
  }
}

/** Where the files of an attempt go. */
function folderOf({ destination, id, redriveCount }: MapRunRecord): string {
  const { prefix = "" } = destination ?? {};
  const attempt = redriveCount === 0 ? "" : `Redrive-${redriveCount}/`;
  return `${prefix === "" || prefix.endsWith("/") ? prefix : `${prefix}/`}${id}/${attempt}`;
}

function writerFailed(cause: unknown, where: string): StateError {
  if (cause instanceof StateError) return cause;
  const { name, message } = cause as Error;
  return new StateError(
    "States.ResultWriterFailed",
    `The results could not be written to ${where}. ${name}: ${message}`,
  );
}

async function writeGroup(
  run: Run,
  mapRun: MapRun,
  group: Group,
  { bucket, folder }: { bucket: string; folder: string },
  config: Config,
): Promise<ResultFile[]> {
  const entries = entriesOf(mapRun, group, config)[Symbol.iterator]();
  const files: ResultFile[] = [];
  const extension = config.OutputType === "JSONL" ? "jsonl" : "json";
  for (let next = entries.next(); !next.done; ) {
    const Key = `${folder}${group}_${files.length}.${extension}`;
    const part = { first: next.value, rest: entries, lines: extension === "jsonl", size: 0, next };
    await put(run, { Bucket: bucket, Key, Body: chunks(part) });
    files.push({ Key, Size: part.size });
    next = part.next;
  }
  return files;
}

interface Part {
  readonly first: string;
  readonly rest: Iterator<string>;
  readonly lines: boolean;
  /** Bytes written. */
  size: number;
  /** The entry that no longer fitted, or the end. */
  next: IteratorResult<string>;
}

/** One file: entries until it is full. */
async function* chunks(part: Part): AsyncGenerator<Buffer> {
  let text = `${part.lines ? "" : "["}${part.first}`;
  const flush = () => {
    const bytes = Buffer.from(text);
    part.size += bytes.length;
    text = "";
    return bytes;
  };
  for (part.next = part.rest.next(); !part.next.done; part.next = part.rest.next()) {
    text += `${part.lines ? "\n" : ","}${part.next.value}`;
    if (text.length < CHUNK_BYTES) continue;
    yield flush();
    if (part.size < MAX_FILE_BYTES) continue;
    part.next = part.rest.next();
    break;
  }
  text += part.lines ? "\n" : "]";
  yield flush();
}

/** JSON texts of the children of one kind. */
function* entriesOf(mapRun: MapRun, group: Group, { Transformation }: Config): Generator<string> {
  const { record, spool, size } = mapRun;
  for (let index = 0; index < size; index += 1) {
    const result = spool.results[index];
    const open = mapRun.isOpen(index);
    if (group === "PENDING") {
      if (open) yield JSON.stringify(pendingEntry(spool.input(index)));
      continue;
    }
    if (!result || open || (result.status === "SUCCEEDED") !== (group === "SUCCEEDED")) continue;
    // Successes of earlier attempts are in files already, unless those could not be written.
    if (result.attempt <= (record.writtenAttempt ?? -1)) continue;
    const child = mapRun.endedChild(index) as ExecutionRecord;
    for (const value of transformed(child, Transformation)) yield JSON.stringify(value);
  }
}

function pendingEntry(input: string): JsonObject {
  return { Input: input, InputDetails: { Included: true }, Status: "PENDING" };
}

/** What a child gives to the results: only what succeeded is transformed. */
export function transformed(child: ExecutionRecord, transformation: Config["Transformation"]): Json[] {
  if (child.status !== "SUCCEEDED" || transformation === "NONE") return [childEntry(child)];
  const output = JSON.parse(child.output ?? "null") as Json;
  return transformation === "FLATTEN" && Array.isArray(output) ? output : [output];
}

function childEntry({
  arn,
  machine,
  name,
  status,
  input,
  output,
  error,
  cause,
  ...record
}: ExecutionRecord): JsonObject {
  const { startDate, stopDate, redriveCount } = record;
  const succeeded = status === "SUCCEEDED";
  return {
    ExecutionArn: arn,
    ...(cause === undefined ? {} : { Cause: cause }),
    ...(error === undefined ? {} : { Error: error }),
    Input: input,
    InputDetails: { Included: true },
    Name: name,
    ...(output === undefined ? {} : { Output: output, OutputDetails: { Included: true } }),
    RedriveCount: redriveCount,
    RedriveStatus: succeeded ? "NOT_REDRIVABLE" : "REDRIVABLE_BY_MAP_RUN",
    ...(succeeded ? { RedriveStatusReason: "Execution is SUCCEEDED and cannot be redriven" } : {}),
    StartDate: new Date(startDate).toISOString(),
    StateMachineArn: machine.arn,
    Status: status,
    StopDate: new Date(stopDate ?? startDate).toISOString(),
  };
}

async function put({ kernel, principal }: Run, input: PutObjectInput): Promise<void> {
  const object = { ...input, ContentType: "application/json" };
  await kernel.call("s3", "PutObject", object, { principal: principal() });
}
