import { parseArgs } from "node:util";
import { reconciliationRequested } from "#shared/contracts/events.ts";
import { request } from "../request.ts";
import { chooseOrg, stackOf } from "../stack.ts";
import { momentOf, orgOf, UsageError, type Work } from "../usage.ts";

export const summary = "compares the store with Salesforce and repairs what differs";
export const help = `Asks the fleet to compare the store with Salesforce, and to send what differs
into the sync. The fleet does so by itself every night; this is for not waiting,
or for looking at more. When it is done it says customer.drift-found.

usage: fleet sweep [options]

  --org <id>         Salesforce organisation; needed when there are several
  --stage <s>        stage of the fleet; default: the local fleet while it runs,
                     else dev
  --entity <name>    object whose changes are in doubt: Account (default) or
                     Contact
  --from <moment>    compare what moved since then, such as
                     2026-11-22T10:00:00Z; default: the end of the last sweep
  --to <moment>      compare what moved until then; needs --from; default: now
  --full             compare every record, and look also for customers whose
                     account is gone

Prints the id of the request; 'fleet trace <id>' shows what came of it.
Exit codes: 0 asked for, 1 failed, 2 wrong usage.`;

interface Options {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly full: boolean;
}

/** Reads the arguments of `fleet sweep`. */
export function prepare(args: string[]): Work {
  const { values } = parseArgs({
    args,
    options: {
      org: { type: "string" },
      stage: { type: "string" },
      entity: { type: "string", default: "Account" },
      from: { type: "string" },
      to: { type: "string" },
      full: { type: "boolean", default: false },
    },
  });
  const { entity, full } = values;
  if (!/^\w+$/.test(entity)) throw new UsageError(`--entity takes the name of an object; got '${entity}'`);
  const window = windowOf(values);
  const org = orgOf(values.org);
  return async () => {
    const stack = stackOf(values.stage);
    const orgId = await chooseOrg(stack, org);
    const data = { entity, reason: "manual" as const, full, ...(window ? { window } : {}) };
    const correlationId = await request(stack, reconciliationRequested, orgId, data);
    console.error(`Asked for a ${full ? "full " : ""}sweep of ${entity} in organisation ${orgId}.`);
    console.log(correlationId);
    return 0;
  };
}

function windowOf({ from, to, full }: Options): { from: string; to: string } | undefined {
  if (from === undefined && to === undefined) return undefined;
  if (full) throw new UsageError("--full compares everything; give it without --from and --to");
  if (from === undefined) throw new UsageError("--to needs --from");
  const window = {
    from: momentOf("--from", from),
    to: to === undefined ? new Date().toISOString() : momentOf("--to", to),
  };
  if (window.from <= window.to) return window;
  throw new UsageError(`--from ${window.from} is later than the end of the window, ${window.to}`);
}
