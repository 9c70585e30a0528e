import { parseArgs } from "node:util";
import { TARGETS } from "../../shared/behind/marks.ts";
import { accessTo } from "../access.ts";
import { stackOf } from "../stack.ts";
import { painter } from "../trace/render.ts";
import { orgOf, UsageError, type Work, wholeNumber } from "../usage.ts";
import { readBehind } from "./read.ts";
import { renderBehind } from "./render.ts";

export const summary = "customers that wait by themselves for billing or Salesforce";
export const help = `Customers of which a target does not have the newest version yet. Nothing is to
be done about them: each is tried again by itself, with growing pauses, and at
once when its target is there again. What fails for a day is parked. While a
circuit breaker holds a target, its line says since when, until when, and
whether a person is needed.

usage: fleet behind [options]

  --target <t>   only billing, or only salesforce
  --org <id>     only this Salesforce organisation, 15 or 18 characters
  --limit <n>    list so many of those that wait longest; default 20
  --json         everything as JSON
  --stage <s>    stage of the fleet; default: the fleet on this machine, else
                 dev

Exit codes: 0 done, 1 failed, 2 wrong usage.`;

/** Reads the arguments of `fleet behind`. */
export function prepare(args: string[]): Work {
  const { values } = parseArgs({
    args,
    options: {
      target: { type: "string" },
      org: { type: "string" },
      limit: { type: "string", default: "20" },
      json: { type: "boolean", default: false },
      stage: { type: "string" },
    },
  });
  const { target, org, json } = values;
  const targets = TARGETS.filter((one) => target === undefined || one === target);
  if (targets.length === 0) throw new UsageError(`--target takes one of ${TARGETS.join(", ")}; got '${target}'`);
  const orgId = orgOf(org);
  const limit = wholeNumber("--limit", values.limit, 1);
  return async () => {
    const now = Date.now();
    const found = await readBehind(accessTo(stackOf(values.stage)), targets, orgId, now);
    console.log(json ? JSON.stringify(found, null, 2) : renderBehind(found, { limit, now }, painter(process.stdout)));
    return 0;
  };
}
