import { spawn } from "node:child_process";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { type Answer, type SeenRequest, serve } from "#shared/testing/server.ts";

const MAIN = join(import.meta.dirname, "main.ts");
const TAKEN: Answer = { body: { FailedEntryCount: 0, Entries: [{ EventId: "event-1" }] } };

/** What a run of the command line left behind. */
export interface Run {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
  /** What AWS was asked. */
  readonly requests: readonly SeenRequest[];
}

/** Runs the command line against an AWS of its own. */
export async function runFleet(
  args: readonly string[],
  answer: (request: SeenRequest) => Answer | Promise<Answer>,
  more: Readonly<Record<string, string>> = {},
): Promise<Run> {
  await using server = await serve(answer);
  return { ...(await runFleetAt(server.url, args, more)), requests: server.requests };
}

/**
 * Runs the command line against the AWS at a URL, which is all that a fleet of this machine needs.
 * @param more further variables of the environment
 * @param input what it finds on standard input
 */
export function runFleetAt(
  url: string,
  args: readonly string[],
  more: Readonly<Record<string, string>> = {},
  input = "",
): Promise<Omit<Run, "requests">> {
  return runFleetIn({ AWS_ENDPOINT_URL: url, AWS_MAX_ATTEMPTS: "1", ...more }, args, { input });
}

/**
 * Runs the command line with this environment and no other variables.
 * @param options its entry, by default that of this clone, and what it finds on standard input
 */
export async function runFleetIn(
  env: Readonly<Record<string, string>>,
  args: readonly string[],
  { main = MAIN, input = "" }: { readonly main?: string; readonly input?: string } = {},
): Promise<Omit<Run, "requests">> {
  const child = spawn(process.execPath, [main, ...args], { env, stdio: "pipe" });
  // Most commands end without having read it.
  child.stdin.on("error", () => undefined).end(input);
  const ended = new Promise<number | null>((resolve, reject) => child.on("error", reject).on("close", resolve));
  const [out, err, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { code, out, err };
}

/** As `runFleet`, against connections to these organisations and a bus; with the entries that were put on it. */
export async function runRequest(args: readonly string[], orgs: readonly string[], bus: Answer = TAKEN) {
  const run = await runFleet(args, ({ headers }) => {
    if (!targetOf(headers).endsWith("ListSecrets")) return bus;
    return { body: { SecretList: orgs.map((org) => ({ Name: `connector-fleet/local/salesforce/${org}` })) } };
  });
  const put = run.requests.filter(({ headers }) => targetOf(headers).endsWith("PutEvents"));
  return { ...run, entries: put.flatMap(({ body }) => JSON.parse(body).Entries) };
}

function targetOf(headers: SeenRequest["headers"]): string {
  return String(headers["x-amz-target"]);
}
