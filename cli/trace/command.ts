import { parseArgs } from "node:util";
import { XRayClient } from "@aws-sdk/client-xray";
import { clientOptions } from "../endpoint.ts";
import { stackOf } from "../stack.ts";
import { spanOf, UsageError, type Work } from "../usage.ts";
import { fetchTraces, type Trace } from "./fetch.ts";
import { painter, renderTree } from "./render.ts";
import { type Lookup, resolveId, traceOfParked } from "./resolve.ts";
import { buildTree } from "./tree.ts";

/** A hash, or the id of a message. */
const PARKED_ID = /^([0-9a-f]{32}|[0-9a-f]{64}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;

export const summary = "prints the trace of a change as a tree";
export const help = `Prints the trace of a change as a tree with times and errors.

usage: fleet trace <trace id | correlation id | customer id> [options]

A customer is named by its account's id of 15 or 18 characters, or by its Stripe
customer's (cus_…); a change also by the id of its parked work, or by the ARN of
a run of a state machine.

  --since <n>h|m|d  how far back to look for what is no trace id; default 6h
  --all             every trace found, not only the newest
  --json            the segment documents as JSON instead of a tree
  --stage <s>       stage of the fleet; default: the fleet on this machine, else
                    dev

Reads X-Ray: the local fleet while one runs here, else the account of your AWS
credentials. AWS_ENDPOINT_URL overrides.
Exit codes: 0 printed, 1 none found or failed, 2 wrong usage.`;

/** Reads the arguments of `fleet trace`; exit code 0 when a trace was printed, 1 when none was found. */
export function prepare(args: string[]): Work {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      since: { type: "string", default: "6h" },
      all: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      stage: { type: "string" },
    },
  });
  const [id, ...others] = positionals;
  if (!id || others.length > 0) throw new UsageError("give one trace id, correlation id or customer id");
  const since = spanOf("--since", values.since);
  return async () => {
    const lookup = { stack: stackOf(values.stage), options: clientOptions(), since };
    const traces = await findTraces(id, lookup);
    if (traces.length === 0) {
      console.error(`No trace found for ${id} in the last ${values.since}; a new trace can take seconds to appear.`);
      return 1;
    }
    print(values.all ? traces : traces.slice(0, 1), values.json);
    const hidden = traces.length - 1;
    if (!values.all && hidden > 0) console.error(`${hidden} older trace${hidden > 1 ? "s" : ""} not shown; see --all.`);
    return 0;
  };
}

async function findTraces(id: string, lookup: Lookup): Promise<Trace[]> {
  const xray = new XRayClient(lookup.options);
  const traces = await fetchTraces(xray, await resolveId(id, lookup), lookup.since);
  if (traces.length > 0 || !PARKED_ID.test(id)) return traces;
  const parked = await traceOfParked(id, lookup);
  return parked === undefined ? [] : fetchTraces(xray, parked, lookup.since);
}

function print(traces: readonly Trace[], json: boolean): void {
  const paint = painter(process.stdout);
  const tree = ({ traceId, documents }: Trace) => renderTree(traceId, buildTree(documents), paint);
  console.log(json ? JSON.stringify(traces, null, 2) : traces.map(tree).join("\n\n"));
}
