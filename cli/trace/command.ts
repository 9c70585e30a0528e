import { parseArgs } from "node:util";
import { XRayClient } from "@aws-sdk/client-xray";
import { clientOptions } from "../endpoint.ts";
import { UsageError } from "../usage.ts";
import { fetchTraces, type Trace } from "./fetch.ts";
import { painter, renderTree } from "./render.ts";
import { buildTree } from "./tree.ts";

export const summary = "prints the trace of a change as a tree";
export const help = `Prints the trace of a change as a tree with times and errors.

usage: fleet trace <trace id | correlation id | customer id> [options]

  --since <n>h|m|d  how far back to look for a correlation or customer id; default 6h
  --all             every trace found, not only the newest
  --json            the segment documents as JSON instead of a tree

Reads X-Ray: the local fleet while one runs here, else the account of your AWS credentials. AWS_ENDPOINT_URL overrides.`;

const UNITS: Record<string, number> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Runs `fleet trace`; exit code 0 when a trace was printed, 1 when none was found. */
export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      since: { type: "string", default: "6h" },
      all: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
    },
  });
  const [id, ...others] = positionals;
  if (!id || others.length > 0) throw new UsageError("give one trace id, correlation id or customer id");
  const traces = await fetchTraces(new XRayClient(clientOptions()), id, milliseconds(values.since));
  if (traces.length === 0) {
    console.error(`No trace found for ${id} in the last ${values.since}; a new trace can take seconds to appear.`);
    return 1;
  }
  print(values.all ? traces : traces.slice(0, 1), values.json);
  const hidden = traces.length - 1;
  if (!values.all && hidden > 0) console.error(`${hidden} older trace${hidden > 1 ? "s" : ""} not shown; see --all.`);
  return 0;
}

function print(traces: readonly Trace[], json: boolean): void {
  const paint = painter(process.stdout);
  const tree = ({ traceId, documents }: Trace) => renderTree(traceId, buildTree(documents), paint);
  console.log(json ? JSON.stringify(traces, null, 2) : traces.map(tree).join("\n\n"));
}

function milliseconds(duration: string): number {
  const [, amount, unit] = duration.match(/^(\d+)([mhd])$/) ?? [];
  if (!amount || !unit) throw new UsageError(`--since takes a number with m, h or d, such as 30m; got '${duration}'`);
  return Number(amount) * (UNITS[unit] ?? 0);
}
