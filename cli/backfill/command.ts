import { createInterface } from "node:readline/promises";
import { parseArgs } from "node:util";
import { chooseOrg, type Stack, stackOf } from "../stack.ts";
import { orgOf, UsageError, type Work, wholeNumber } from "../usage.ts";
import { isBilled, renderPlan, renderStatus } from "./render.ts";
import { type Answer, type Backfills, connectBackfills, isOver, type Status } from "./runs.ts";

export const summary = "brings every Salesforce account into the fleet";
export const help = `Brings every Salesforce account into the fleet: what differs from the store goes
through the sync, behind live changes.

usage: fleet backfill <plan | start | status | pause | resume | stop>
                      [name] [options]

  plan      counts the accounts and says what a backfill costs; changes nothing
  start     plans, asks, and starts
  status    how far the newest backfill is, or the one that is named: what is
            stored, and what billing has followed
  pause     halts after the page that is being loaded, for as long as you like
  resume    goes on: after a pause, or where a failed or stopped backfill ended
  stop      halts at once; resume loads the page again

  --org <id>     Salesforce organisation; needed when there are several
  --stage <s>    stage of the fleet; default: the local fleet while it runs,
                 else dev
  --watch        status: stays until all is stored and billed, or it failed or
                 was stopped
  --yes          start: does not ask
  --page <n>     start: accounts a page, 1,000 to 50,000; default 10,000
  --concurrency <n>  start: batches loaded at the same time, default 4
  --json         plan, status: as JSON

Exit codes: 0 done, 1 there is no such backfill, it failed, or it is in a state
with no room for the wish, 2 wrong usage.`;

const POLL_MS = 2_000;

interface Options {
  readonly org?: string | undefined;
  readonly stage?: string | undefined;
  readonly watch: boolean;
  readonly yes: boolean;
  readonly json: boolean;
  readonly pageSize: number;
  readonly maxConcurrency: number;
}

/** Reads the arguments of `fleet backfill`. */
export function prepare(args: string[]): Work {
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
  if (verb === "start" && !values.yes && !process.stdin.isTTY)
    throw new UsageError("nobody can be asked here; give --yes");
  const settings = {
    pageSize: wholeNumber("--page", values.page, 1_000, 50_000),
    maxConcurrency: wholeNumber("--concurrency", values.concurrency, 1, 40),
  };
  const given = { ...values, ...settings, org: orgOf(values.org), name };
  return async () => {
    const stack = stackOf(values.stage);
    return action(await connectBackfills(stack), { ...given, stack });
  };
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

  async start(backfills, { stack, org, yes, pageSize, maxConcurrency }) {
    const orgId = await chooseOrg(stack, org);
    console.error("Counting …");
    const plan = await backfills.plan(orgId);
    console.error(renderPlan(plan));
    if (!yes && !(await agreed())) {
      console.error("Not started.");
      return 0;
    }
    const name = await backfills.start(orgId, { pageSize, maxConcurrency });
    console.log(name);
    console.error(`Started; 'fleet backfill status --watch' shows how far it is.`);
    return 0;
  },

  async status(backfills, { name, watch, json }) {
    let status = await backfills.status(name);
    const screen = new Screen(json);
    while (status && watch && !isAtEnd(status)) {
      screen.show(status);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      status = await backfills.status(status.name);
    }
    if (!status) return missing(name);
    screen.show(status);
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

function isAtEnd(status: Status): boolean {
  return isOver(status) && (status.state !== "finished" || isBilled(status));
}

/** Shows one status after the other; on a terminal in place of the one before. */
class Screen {
  readonly #json: boolean;
  #lines = 0;

  constructor(json: boolean) {
    this.#json = json;
  }

  show(status: Status): void {
    if (this.#json) {
      console.log(JSON.stringify(status));
      return;
    }
    const text = renderStatus(status, process.stdout);
    const back = process.stdout.isTTY && this.#lines > 0 ? `\u001b[${this.#lines}A\u001b[J` : "";
    process.stdout.write(`${back}${text}\n`);
    this.#lines = text.split("\n").length;
  }
}

function said(answer: Answer | undefined, asked: string | undefined, what: string): number {
  if (!answer) return missing(asked);
  if (answer.done) console.log(`${answer.name} ${what}.`);
  else console.error(`error: ${answer.name} is ${answer.state} already.`);
  return answer.done ? 0 : 1;
}

function missing(name: string | undefined): number {
  console.error(name ? `There is no backfill '${name}'.` : "There has been no backfill in the last 90 days.");
  return 1;
}

async function agreed(): Promise<boolean> {
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  const answer = await prompt.question("Start it? [y/N] ");
  prompt.close();
  return /^y(es)?$/i.test(answer.trim());
}
