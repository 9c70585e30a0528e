import { createHash } from "node:crypto";
import { AwsError } from "../../kernel/errors.ts";
import type { MapState } from "../definition/types.ts";
import { batched, type ChildInput, single } from "../distributed/batcher.ts";
import { Dispatcher } from "../distributed/dispatcher.ts";
import type { MapRun } from "../distributed/map-run.ts";
import { readItems } from "../distributed/source.ts";
import { checkDestination, transformed, writeResults } from "../distributed/writer.ts";
import { dataLimitExceeded, Interruption, StateError } from "../errors.ts";
import type { ExecutionRecord } from "../execution.ts";
import { isObject, type Json, jsonBytes, MAX_DATA_BYTES } from "../json.ts";
import { type Machine, machineArn } from "../machines.ts";
import type { Outcome } from "./frame.ts";
import { type Item, itemsOf } from "./map.ts";
import type { Visit } from "./visit.ts";

const MAX_LABEL = 40;

/** One attempt of a distributed Map. https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html */
export async function runDistributedMap(visit: Visit<MapState>): Promise<Outcome> {
  const { run } = visit.frame;
  const known = visit.position.mapRun === undefined ? undefined : run.mapRuns.find(visit.position.mapRun);
  const mapRun = known && known.record.status !== "SUCCEEDED" ? taken(visit, known) : await started(visit);
  try {
    const result = await work(visit, mapRun);
    mapRun.end("SUCCEEDED", run.kernel.clock.now());
    visit.event("MapRunSucceeded");
    visit.event("MapStateSucceeded");
    return await visit.complete(result, { result });
  } catch (cause) {
    if (mapRun.record.status === "SUCCEEDED") throw cause; // only the Output went wrong
    if (cause instanceof Interruption) await interrupted(visit, mapRun, cause);
    else await failed(visit, mapRun, cause);
    throw cause;
  }
}

/** A Map Run that goes on after a restart of the twin, or is redriven with its execution. */
function taken(visit: Visit<MapState>, mapRun: MapRun): MapRun {
  if (mapRun.record.status === "RUNNING") return mapRun;
  mapRun.redrive(visit.frame.run.kernel.clock.now());
  visit.event("MapRunRedriven", { mapRunArn: mapRun.arn, redriveCount: mapRun.record.redriveCount });
  return mapRun;
}

async function started(visit: Visit<MapState>): Promise<MapRun> {
  const { state, position, frame } = visit;
  const { run } = frame;
  const limit = async (name: "ToleratedFailureCount" | "ToleratedFailurePercentage", member: string) =>
    state[name] === undefined ? {} : { [member]: await visit.evaluateAs("number", state[name], name) };
  const limits = {
    maxConcurrency:
      state.MaxConcurrency === undefined ? 0 : await visit.evaluateInteger(state.MaxConcurrency, "MaxConcurrency", 0),
    ...(await limit("ToleratedFailureCount", "toleratedFailureCount")),
    ...(await limit("ToleratedFailurePercentage", "toleratedFailurePercentage")),
  };
  const length = state.ItemReader ? 0 : (await itemsOf(visit)).length;
  const destination = await destinationOf(visit);
  visit.event("MapStateStarted", { length });
  const mapRun = run.mapRuns.start({
    executionArn: run.executionArn,
    machine: childMachine(visit),
    startDate: run.kernel.clock.now(),
    ...limits,
    ...(destination ? { destination } : {}),
  });
  position.mapRun = mapRun.arn;
  visit.event("MapRunStarted", { mapRunArn: mapRun.arn });
  return mapRun;
}

async function destinationOf(visit: Visit<MapState>): Promise<{ bucket: string; prefix: string } | undefined> {
  const { Resource, Arguments } = visit.state.ResultWriter ?? {};
  if (!Resource || Arguments === undefined) return undefined;
  const args = await visit.evaluate(Arguments, "ResultWriter/Arguments");
  const { Bucket, Prefix = "", ...rest } = isObject(args) ? args : {};
  const unknown = Object.keys(rest);
  const fail = (problem: string) => new StateError("States.Runtime", `The Arguments of '${Resource}' ${problem}`);
  if (typeof Bucket !== "string") throw fail("lack the required field(s) Bucket");
  if (unknown.length > 0) throw fail(`have the unsupported field(s) ${unknown.join(", ")}`);
  return { bucket: Bucket, prefix: String(Prefix) };
}

/** The ItemProcessor as the machine that children run; without a Label its name comes from the state's. */
function childMachine({ state, name, frame }: Visit<MapState>): Machine {
  const { machine } = frame.run;
  const { ProcessorConfig, ...parsed } = state.ItemProcessor;
  const label = state.Label ?? labelOf(name);
  const own = `${machine.name.split("/")[0]}/${label}`;
  return {
    ...machine,
    arn: machineArn(own),
    name: own,
    type: ProcessorConfig?.ExecutionType ?? "STANDARD",
    parsed,
    definition: JSON.stringify(parsed),
    revisionId: `${machine.revisionId}/${label}`,
  };
}

function labelOf(name: string): string {
  const plain = name.replace(/[^A-Za-z0-9_-]/g, "");
  if (plain === name && name.length <= MAX_LABEL) return name;
  return `${plain.slice(0, MAX_LABEL - 9)}-${createHash("sha256").update(name).digest("hex").slice(0, 8)}`;
}

async function work(visit: Visit<MapState>, mapRun: MapRun): Promise<Json> {
  const { run, signal } = visit.frame;
  const { WriterConfig } = visit.state.ResultWriter ?? {};
  authorize(visit);
  checkDestination(run, mapRun);
  if (!mapRun.spool.complete) await fill(visit, mapRun);
  await new Dispatcher(run, mapRun, signal, visit.span?.header()).dispatch();
  if (mapRun.record.destination) return writeResults(run, mapRun, WriterConfig);
  return collect(visit, mapRun);
}

/** https://docs.aws.amazon.com/step-functions/latest/dg/iam-policies-eg-dist-map.html @throws StateError */
function authorize({ frame: { run } }: Visit<MapState>): void {
  const resource = machineArn(run.machine.name.split("/")[0] ?? "");
  try {
    run.kernel.identities.authorize(run.principal(), { action: "states:StartExecution", resource });
    run.kernel.identities.authorize(run.principal(), {
      action: "states:DescribeExecution",
      resource: run.executionArn,
    });
  } catch (cause) {
    throw cause instanceof AwsError ? new StateError("States.Permissions", cause.message) : cause;
  }
}

/** Puts the inputs of all children on the disk, before the first of them starts. */
async function fill(visit: Visit<MapState>, { spool }: MapRun): Promise<void> {
  spool.restart();
  for await (const { text, items } of await inputs(visit)) {
    visit.frame.signal.throwIfAborted();
    spool.addInput(text, items);
  }
  spool.end();
}

async function inputs(visit: Visit<MapState>): Promise<AsyncGenerator<ChildInput>> {
  const { ItemReader: reader, ItemBatcher: batcher } = visit.state;
  const items = selected(visit, reader ? readItems(visit, reader) : await itemsOf(visit));
  if (!batcher) return single(items, visit.name);
  const { MaxItemsPerBatch: most, MaxInputBytesPerBatch: bytes, BatchInput } = batcher;
  const limit = (value: number | string | undefined, name: string, fallback: number) =>
    value === undefined ? fallback : visit.evaluateInteger(value, `ItemBatcher/${name}`, 1);
  const limits = {
    maxItems: await limit(most, "MaxItemsPerBatch", Number.MAX_SAFE_INTEGER),
    maxBytes: Math.min(await limit(bytes, "MaxInputBytesPerBatch", MAX_DATA_BYTES), MAX_DATA_BYTES),
    ...(BatchInput === undefined ? {} : { batchInput: await visit.evaluate(BatchInput, "ItemBatcher/BatchInput") }),
  };
  return batched(items, limits, visit.name);
}

async function* selected(visit: Visit<MapState>, items: Iterable<Item> | AsyncIterable<Item>): AsyncGenerator<Json> {
  const { ItemSelector } = visit.state;
  for await (const { value, context } of items)
    yield ItemSelector === undefined ? value : await visit.evaluate(ItemSelector, "ItemSelector", {}, context);
}

/** The results as the output of the state. @throws StateError `States.DataLimitExceeded` */
function collect(visit: Visit<MapState>, mapRun: MapRun): Json {
  const { Transformation = "COMPACT", OutputType = "JSON" } = visit.state.ResultWriter?.WriterConfig ?? {};
  const results: Json[] = [];
  let bytes = 0;
  for (let index = 0; index < mapRun.size; index += 1)
    for (const value of transformed(mapRun.endedChild(index) as ExecutionRecord, Transformation)) {
      bytes += jsonBytes(value) + 1;
      if (bytes > MAX_DATA_BYTES) throw dataLimitExceeded(visit.name);
      results.push(value);
    }
  return OutputType === "JSONL" ? results.map((value) => JSON.stringify(value)).join("\n") : results;
}

async function interrupted({ frame: { run } }: Visit<MapState>, mapRun: MapRun, cause: Interruption): Promise<void> {
  if (cause.kind === "shutdown") return; // stays RUNNING, for the next start
  mapRun.end("ABORTED", run.kernel.clock.now());
  // Nobody waits for these results any more: whether they can be written changes nothing.
  if (mapRun.record.destination && mapRun.spool.complete) await writeResults(run, mapRun).catch(() => undefined);
}

async function failed(visit: Visit<MapState>, mapRun: MapRun, cause: unknown): Promise<void> {
  const { run } = visit.frame;
  const error = cause instanceof StateError ? cause : undefined;
  mapRun.end("FAILED", run.kernel.clock.now());
  const { WriterConfig } = visit.state.ResultWriter ?? {};
  const writes = mapRun.record.destination && error?.error === "States.ExceedToleratedFailureThreshold";
  // The threshold is the error that counts, even when the results of the failed run cannot be written either.
  if (writes) await writeResults(run, mapRun, WriterConfig).catch(() => undefined);
  // A redrive of a run that could never succeed starts a new one.
  if (error?.error === "States.DataLimitExceeded" || error?.error === "States.Runtime") delete visit.position.mapRun;
  visit.event("MapRunFailed", error?.details() ?? {});
  visit.event("MapStateFailed");
}
