import { randomUUID } from "node:crypto";
import { z } from "zod";
import { clientOptions } from "../endpoint.ts";
import type { Stack } from "../stack.ts";
import {
  connectExecutions,
  type Execution,
  type Executions,
  executionName,
  isAlreadyStarted,
  reasonOf,
} from "./executions.ts";
import { connectKept, type Kept, type KeptBackfills, type Progress } from "./kept.ts";

/** What a backfill will take. */
export const planSchema = z.looseObject({
  records: z.number(),
  salesforce: z.looseObject({ apiCalls: z.number(), callsLeft: z.number(), reserve: z.number() }),
  usd: z.number(),
  billedPerSecond: z.number(),
  billingMinutes: z.number(),
});

export type State = "running" | "pausing" | "paused" | "finished" | "failed" | "stopped";

/** How far a backfill is. */
export interface Status extends Progress {
  readonly name: string;
  readonly state: State;
  /** Number of the run that works at it, or worked at it last. */
  readonly run: number;
  /** Compared with Salesforce and in the store. */
  readonly stored: number;
  /** Of these, those that billing has followed. */
  readonly billed: number;
  /** Of the organisation's customers, those that billing has not followed yet. */
  readonly waiting: number;
  /** Those that billing refused, parked for a person. */
  readonly refused: number;
  /** Why it failed. */
  readonly error?: string;
  /** Epoch milliseconds. */
  readonly endedAt?: number;
}

/** What an operator's wish came to: `false` when the backfill is in a state that has no room for it. */
export interface Answer {
  readonly name: string;
  readonly done: boolean;
  readonly state: State;
}

/** The backfills of one fleet. A name that is left out means the newest; undefined when there is none. */
export interface Backfills {
  plan(orgId: string): Promise<z.infer<typeof planSchema>>;
  start(orgId: string, settings: { pageSize: number; maxConcurrency: number }): Promise<string>;
  status(name: string | undefined): Promise<Status | undefined>;
  pause(name: string | undefined): Promise<Answer | undefined>;
  resume(name: string | undefined): Promise<Answer | undefined>;
  stop(name: string | undefined): Promise<Answer | undefined>;
}

const POLL_MS = 500;
const PLAN_MS = 60_000;
/** Runs that others may start at the same moment. */
const RIVALS = 5;
const ENDED: Readonly<Record<string, State>> = { FAILED: "failed", TIMED_OUT: "failed", ABORTED: "stopped" };

/** Whether nothing more will happen in the store. */
export function isOver({ state }: Pick<Status, "state">): boolean {
  return state === "finished" || state === "failed" || state === "stopped";
}

/** @throws Error of one sentence when the stage has no backfill machine */
export async function connectBackfills(stack: Stack): Promise<Backfills> {
  const options = clientOptions();
  return createBackfills(await connectExecutions(stack.name("backfill"), options), connectKept(stack, options));
}

/** A backfill with its newest run. */
interface Found {
  readonly name: string;
  readonly kept: Kept | undefined;
  readonly run: number;
  /** Absent once AWS has forgotten it. */
  readonly execution: Execution | undefined;
  readonly state: State;
}

function createBackfills(executions: Executions, kept: KeptBackfills): Backfills {
  async function find(given: string | undefined): Promise<Found | undefined> {
    const name = given ?? (await executions.newest());
    if (!name) return undefined;
    const known = await kept.read(name);
    let run = known?.run ?? 1;
    let execution = await executions.describe(executionName(name, run));
    if (!known && !execution) return undefined;
    // One that has just been started may not have said so yet.
    for (let next = await executions.describe(executionName(name, run + 1)); next; ) {
      run += 1;
      execution = next;
      next = await executions.describe(executionName(name, run + 1));
    }
    return { name, kept: known, run, execution, state: stateOf(known, execution) };
  }

  /** Starts the next run; of several people who do, one is enough. */
  async function startNext({ name, run, kept: known, execution }: Found): Promise<void> {
    const before = JSON.parse(execution?.input ?? "{}");
    const { orgId } = known?.progress ?? before;
    for (let next = run + 1; ; next += 1)
      try {
        await executions.start(executionName(name, next), { ...before, orgId, resumes: name, run: next });
        return;
      } catch (error) {
        if (!isAlreadyStarted(error) || next > run + RIVALS) throw error;
      }
  }

  return {
    async plan(orgId) {
      const name = nameOf("plan");
      await executions.start(name, { orgId, dryRun: true });
      for (const end = Date.now() + PLAN_MS; Date.now() < end; ) {
        const { status, output, error, cause } = (await executions.describe(name)) ?? {};
        if (status === "SUCCEEDED") return planSchema.parse(JSON.parse(output ?? "null"));
        if (status && status !== "RUNNING") throw new Error(`the plan failed: ${error ?? status}: ${reasonOf(cause)}`);
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      }
      const failure = (await executions.lastFailure(name)) ?? "no answer";
      await executions.stop(name);
      throw new Error(`the plan did not come within a minute: ${failure}`);
    },

    async start(orgId, settings) {
      const name = nameOf("backfill");
      await executions.start(name, { orgId, ...settings });
      return name;
    },

    async status(given) {
      const found = await find(given);
      if (!found) return undefined;
      const { name, run, state, execution } = found;
      const progress = found.kept?.progress ?? nothing(execution);
      const inPage =
        state === "running" || state === "pausing" ? await executions.loading(executionName(name, run)) : 0;
      const compared = Math.min(progress.compared + inPage, Math.max(progress.total, progress.compared));
      const stored = Math.max(0, compared - progress.unusable - progress.parked);
      const counts = { stored, ...(await kept.billing(progress.orgId)) };
      return {
        ...progress,
        name,
        state,
        run,
        compared,
        ...counts,
        billed: billedOf(counts),
        ...(state === "failed"
          ? { error: `${execution?.error ?? execution?.status}: ${reasonOf(execution?.cause)}` }
          : {}),
        ...(execution?.stopDate && state !== "running" ? { endedAt: execution.stopDate.getTime() } : {}),
      };
    },

    async pause(given) {
      const found = await find(given);
      if (!found) return undefined;
      const { name, state } = found;
      const done = state === "running" || state === "pausing";
      if (done) await kept.pause(name);
      return { name, state, done };
    },

    async resume(given) {
      const found = await find(given);
      if (!found) return undefined;
      const { name, state } = found;
      if (state === "finished") return { name, state, done: false };
      const halted = await kept.release(name);
      if (halted || found.execution?.status !== "RUNNING") await startNext(found);
      return { name, state, done: true };
    },

    async stop(given) {
      const found = await find(given);
      if (!found) return undefined;
      const { name, run, state } = found;
      const done = found.execution?.status === "RUNNING";
      if (done) await executions.stop(executionName(name, run));
      return { name, state, done };
    },
  };
}

/** How many of those that are stored billing has. */
export function billedOf({ stored, waiting, refused }: Pick<Status, "stored" | "waiting" | "refused">): number {
  return Math.max(0, stored - waiting - refused);
}

/** Sorts by its start; what others start within the same second has another name. */
function nameOf(prefix: string): string {
  return `${prefix}-${new Date().toISOString().slice(0, 19).replace(/[-:]/g, "")}-${randomUUID().slice(0, 8)}`;
}

function stateOf(kept: Kept | undefined, execution: Execution | undefined): State {
  if (kept?.progress.phase === "finished") return "finished";
  const { status } = execution ?? {};
  if (status && ENDED[status]) return ENDED[status];
  if (kept?.halted) return "paused";
  if (!status) return "stopped";
  return kept?.paused ? "pausing" : "running";
}

/** Of a run that has kept nothing yet. */
function nothing(execution: Execution | undefined): Progress {
  const counts = { total: 0, listed: 0, compared: 0, sent: 0, equal: 0, behind: 0, unusable: 0, parked: 0 };
  const { orgId } = JSON.parse(execution?.input ?? "{}");
  return { ...counts, orgId, phase: "plan", startedAt: execution?.startDate?.toISOString() ?? "" };
}
