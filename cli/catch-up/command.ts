import { parseArgs } from "node:util";
import { catchUpRequested } from "#shared/contracts/events.ts";
import { request } from "../request.ts";
import { chooseOrg, stackOf } from "../stack.ts";
import { orgOf, type Work, wholeNumber } from "../usage.ts";

export const summary = "reads changes that the live feed missed";
export const help = `Asks the fleet to read Salesforce's change events again from where it stopped,
and to work those that the live feed has not brought. The fleet does so by
itself every 15 minutes; this is for not waiting.

usage: fleet catch-up [options]

  --org <id>        Salesforce organisation; needed when there are several
  --stage <s>       stage of the fleet; default: the local fleet while it runs,
                    else dev
  --grace <n>       leave changes younger than so many seconds to the live feed;
                    default 120, 0 takes all
  --max-events <n>  read no more events than that; each counts against the org's
                    daily deliveries

Prints the id of the request; 'fleet trace <id>' shows what came of it.
Exit codes: 0 asked for, 1 failed, 2 wrong usage.`;

/** Reads the arguments of `fleet catch-up`. */
export function prepare(args: string[]): Work {
  const { values } = parseArgs({
    args,
    options: {
      org: { type: "string" },
      stage: { type: "string" },
      grace: { type: "string", default: "120" },
      "max-events": { type: "string" },
    },
  });
  const graceSeconds = wholeNumber("--grace", values.grace, 0);
  const limit = values["max-events"];
  const data = { graceSeconds, ...(limit === undefined ? {} : { maxEvents: wholeNumber("--max-events", limit, 1) }) };
  const org = orgOf(values.org);
  return async () => {
    const stack = stackOf(values.stage);
    const orgId = await chooseOrg(stack, org);
    const correlationId = await request(stack, catchUpRequested, orgId, data);
    console.error(`Asked for a catch-up of organisation ${orgId}.`);
    console.log(correlationId);
    return 0;
  };
}
