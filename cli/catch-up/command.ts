import { randomBytes, randomUUID } from "node:crypto";
import { parseArgs } from "node:util";
import { EventBridgeClient, PutEventsCommand } from "@aws-sdk/client-eventbridge";
import { catchUpRequested } from "#shared/contracts/events.ts";
import { clientOptions } from "../endpoint.ts";
import { chooseOrg, type Stack, stackOf } from "../stack.ts";
import { UsageError } from "../usage.ts";

export const summary = "reads changes that the live feed missed";
export const help = `Asks the fleet to read Salesforce's change events again from where it stopped, and to work those that the live feed has
not brought. The fleet does so by itself every 15 minutes; this is for not waiting.

usage: fleet catch-up [options]

  --org <id>        Salesforce organisation; needed when there are several
  --stage <s>       stage of the fleet; default: the local fleet while it runs, else dev
  --grace <n>       leave changes younger than so many seconds to the live feed; default 120, 0 takes all
  --max-events <n>  read no more events than that; each counts against the org's daily deliveries

Prints the id of the request; 'fleet trace <id>' shows what came of it.
Exit codes: 0 asked for, 1 failed, 2 wrong usage.`;

/** Runs `fleet catch-up`. */
export async function run(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      org: { type: "string" },
      stage: { type: "string" },
      grace: { type: "string", default: "120" },
      "max-events": { type: "string" },
    },
  });
  const graceSeconds = whole("--grace", values.grace, 0);
  const limit = values["max-events"];
  const data = { graceSeconds, ...(limit === undefined ? {} : { maxEvents: whole("--max-events", limit, 1) }) };
  const stack = stackOf(values.stage);
  const orgId = await chooseOrg(stack, values.org);
  const correlationId = await request(stack, orgId, data);
  console.error(`Asked for a catch-up of organisation ${orgId}.`);
  console.log(correlationId);
  return 0;
}

function whole(option: string, text: string, least: number): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= least && Number.isSafeInteger(number)) return number;
  throw new UsageError(`${option} takes a whole number from ${least} on; got '${text}'`);
}

/** Puts the request on the fleet bus; answers with its correlation id. */
async function request(stack: Stack, orgId: string, data: object): Promise<string> {
  const eventId = randomUUID();
  const metadata = {
    eventId,
    occurredAt: new Date().toISOString(),
    correlationId: eventId,
    causationId: eventId,
    // A root of its own, so that the trace of the catch-up can be found.
    traceHeader: `Root=1-${Math.floor(Date.now() / 1000).toString(16)}-${randomBytes(12).toString("hex")};Sampled=1`,
    orgId,
    actor: "system:cli",
    schemaVersion: 1,
  };
  const entry = {
    EventBusName: stack.bus,
    Source: catchUpRequested.source,
    DetailType: catchUpRequested.type,
    Detail: JSON.stringify(catchUpRequested.detail.parse({ metadata, data })),
  };
  const { Entries = [] } = await new EventBridgeClient(clientOptions()).send(
    new PutEventsCommand({ Entries: [entry] }),
  );
  const [{ ErrorCode, ErrorMessage } = {}] = Entries;
  if (ErrorCode) throw new Error(`EventBridge did not take the request: ${ErrorCode}: ${ErrorMessage}`);
  return eventId;
}
