import { createInterface } from "node:readline/promises";
import { parseArgs } from "node:util";
import { chooseOrg, type Stack, stackOf } from "../stack.ts";
import { UsageError, wholeNumber } from "../usage.ts";
import { renderPlan, renderStatus } from "./render.ts";
import { type Backfills, connectBackfills, isOver, type Status } from "./runs.ts";

export const summary = "brings every Salesforce account into the fleet";
export const help = `Brings every Salesforce account into the fleet: what differs from the store goes through the sync, behind live changes.

usage: fleet backfill <plan | start | status | pause | resume | stop> [name] [options]

  plan      counts the accounts and says what a backfill costs; changes nothing
  start     plans, asks, and starts
  status    how far the newest backfill is, or the one that is named
  pause     halts after the page that is being loaded
  resume    goes on: after a pause, or where a failed or stopped backfill ended
  stop      ends it; resume goes on

  --org <id>     Salesforce organisation; needed when there are several
  --stage <s>    stage of the fleet; default: the local fleet while it runs, else dev
  --watch        status: stays until the end
  --yes          start: does not ask
  --page <n>     start: accounts a page, 1,000 to 50,000; default 10,000
  --concurrency <n>  start: batches loaded at the same time, default 4
  --json         plan, status: as JSON

Exit codes: 0 done, 1 there is no such backfill or it failed, 2 wrong usage.`;

const POLL_MS = 2_000;

interface Options {
  readonly org?: string | undefined;
  readonly stage?: string | undefined;
  readonly watch: boolean;
  readonly yes: boolean;
  readonly json: boolean;
  readonly page: string;
  readonly concurrency: string;
}

/** Runs `fleet backfill`. */
export async function run(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      org: { type: "string" },
      stage: { type: "string" },
      watch: { type: "boolean", default: false },
      yes: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      page: { type: "string", default: "10000" },
      concurrency: { type: "string", default: "4" },
    },
  });
  const [verb = "", name, ...others] = positionals;
  const action = Object.hasOwn(ACTIONS, verb) ? ACTIONS[verb] : undefined;
  if (!action || others.length > 0) throw new UsageError("give one of plan, start, status, pause, resume, stop");
  const stack = stackOf(values.stage);
  return action(await connectBackfills(stack), { ...values, stack, name });
}

type Action = (
  backfills: Backfills,
  options: Options & { readonly stack: Stack; readonly name: string | undefined },
) => Promise<number>;

const ACTIONS: Record<string, Action> = {
  async plan(backfills, { stack, org, json }) {
    console.error("Counting …");
    const plan = await backfills.plan(await chooseOrg(stack, org));
    console.log(json ? JSON.stringify(plan, null, 2) : renderPlan(plan));
    return 0;
  },

  async start(backfills, { stack, org, yes, page, concurrency }) {
    const orgId = await chooseOrg(stack, org);
    console.error("Counting …");
    const plan = await backfills.plan(orgId);
    console.error(renderPlan(plan));
    if (!yes && !(await agreed())) {
      console.error("Not started.");
      return 0;
    }
    const settings = {
      pageSize: wholeNumber("--page", page, 1_000, 50_000),
      maxConcurrency: wholeNumber("--concurrency", concurrency, 1, 40),
    };
    const name = await backfills.start(orgId, settings);
    console.log(name);
    console.error(`Started; 'fleet backfill status --watch' shows how far it is.`);
    return 0;
  },

  async status(backfills, { name, watch, json }) {
    let status = await backfills.status(name);
    while (status && watch && !isOver(status)) {
      show(status, json, process.stdout.isTTY);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      status = await backfills.status(status.name);
    }
    if (!status) return missing(name);
    show(status, json, false);
    return status.state === "failed" ? 1 : 0;
  },

  async pause(backfills, { name }) {
    return said(await backfills.pause(name), name, "pauses after the page that is being loaded");
  },

  async resume(backfills, { name }) {
    return said(await backfills.resume(name), name, "goes on");
  },

  async stop(backfills, { name }) {
    return said(await backfills.stop(name), name, "is stopped; resume goes on");
  },
};

function show(status: Status, json: boolean, sameLine: boolean): void {
  if (json) console.log(JSON.stringify(status));
  else if (sameLine) process.stdout.write(`\r\u001b[K${renderStatus(status, process.stdout).replace(/\n.*/s, "")}`);
  else console.log(`${process.stdout.isTTY ? "\r\u001b[K" : ""}${renderStatus(status, process.stdout)}`);
}

function said(name: string | undefined, asked: string | undefined, what: string): number {
  if (!name) return missing(asked);
  console.log(`${name} ${what}.`);
  return 0;
}

function missing(name: string | undefined): number {
  console.error(name ? `There is no backfill '${name}'.` : "There has been no backfill yet.");
  return 1;
}

async function agreed(): Promise<boolean> {
  if (!process.stdin.isTTY) throw new UsageError("nobody can be asked here; give --yes");
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await prompt.question("Start it? [y/N] ");
  prompt.close();
  return /^y(es)?$/i.test(answer.trim());
}
