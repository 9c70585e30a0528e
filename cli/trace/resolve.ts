import { CloudWatchLogsClient, FilterLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { DescribeExecutionCommand, SFNClient } from "@aws-sdk/client-sfn";
import { stripeConnectionSchema } from "../../functions/billing/connection.ts";
import { ACCOUNT_KEY } from "../../functions/billing/map.ts";
import { toLongId } from "../../functions/salesforce/org/ids.ts";
import { createParkedTable } from "../../shared/parked/table.ts";
import { parseTraceHeader } from "../../shared/trace-header.ts";
import type { Stack } from "../stack.ts";

const STRIPE_TIMEOUT_MS = 10_000;
const DISPATCHERS = ["flows-dispatch", "flows-dispatch-bulk"];

/** Where ids are looked up. */
export interface Lookup {
  readonly stack: Stack;
  /** Of every AWS client. */
  readonly options: object;
  /** How far back to look for the run of an Express state machine, in milliseconds. */
  readonly since: number;
}

/**
 * What X-Ray knows of what an id names: a customer's long id for its short one and for a Stripe customer, the trace or
 * the change of a run. Any other id stays as it is.
 * @throws Error of one sentence when the id names nothing
 */
export async function resolveId(id: string, lookup: Lookup): Promise<string> {
  if (/^[a-zA-Z0-9]{15}$/.test(id)) return toLongId(id);
  if (/^cus_\w+$/.test(id)) return accountOf(id, lookup);
  if (/^arn:aws[\w-]*:states:.*:express:/.test(id)) return changeOfRun(id, lookup);
  if (/^arn:aws[\w-]*:states:/.test(id)) return traceOfRun(id, lookup);
  return id;
}

/** The trace, or else the change, of a piece of parked work; undefined when there is none with this id. */
export async function traceOfParked(parkedId: string, { stack, options }: Lookup): Promise<string | undefined> {
  const item = await createParkedTable(stack.name("parked"), new DynamoDBClient(options)).read(parkedId);
  return item && (parseTraceHeader(item.traceHeader)?.root ?? item.correlationId);
}

/** The account of a Stripe customer, as it says itself. https://docs.stripe.com/api/customers/retrieve */
async function accountOf(stripeId: string, { stack, options }: Lookup): Promise<string> {
  const secretId = stack.secretOf("stripe");
  const secret = await new SecretsManagerClient(options).send(new GetSecretValueCommand({ SecretId: secretId }));
  const { apiKey, baseUrl = "https://api.stripe.com" } = stripeConnectionSchema.parse(
    JSON.parse(secret.SecretString ?? "null"),
  );
  const answer = await fetch(new URL(`/v1/customers/${stripeId}`, baseUrl), {
    headers: { authorization: `Bearer ${apiKey}` },
    signal: AbortSignal.timeout(STRIPE_TIMEOUT_MS),
  });
  const body = (await answer.json().catch(() => ({}))) as { metadata?: Record<string, unknown> };
  const account = body.metadata?.[ACCOUNT_KEY];
  if (answer.ok && typeof account === "string") return account;
  const why = answer.ok ? "it names no account in its metadata" : `Stripe answered HTTP ${answer.status}`;
  throw new Error(`no account is known for ${stripeId}: ${why}`);
}

/** A Standard run keeps the trace that it was started in. */
async function traceOfRun(executionArn: string, { options }: Lookup): Promise<string> {
  const { traceHeader } = await new SFNClient(options).send(new DescribeExecutionCommand({ executionArn }));
  const trace = parseTraceHeader(traceHeader);
  if (trace) return trace.root;
  throw new Error(`the run ${executionArn} was not traced`);
}

/** Of an Express run nothing is kept but what its starter said in the log. */
async function changeOfRun(executionArn: string, { stack, options, since }: Lookup): Promise<string> {
  const logs = new CloudWatchLogsClient(options);
  for (const name of DISPATCHERS) {
    let nextToken: string | undefined;
    do {
      const page = await logs.send(
        new FilterLogEventsCommand({
          logGroupName: `/aws/lambda/${stack.name(name)}`,
          startTime: Date.now() - since,
          filterPattern: `{ $.executionArn = "${executionArn}" }`,
          nextToken,
        }),
      );
      const [found] = (page.events ?? []).flatMap(({ message }) => correlationOf(message ?? "") ?? []);
      if (found) return found;
      nextToken = page.nextToken;
    } while (nextToken);
  }
  throw new Error(`no log line tells of the run ${executionArn}; look further back with --since`);
}

function correlationOf(line: string): string | undefined {
  try {
    const { correlationId } = JSON.parse(line.slice(line.indexOf("{")));
    return typeof correlationId === "string" ? correlationId : undefined;
  } catch {
    return undefined;
  }
}
