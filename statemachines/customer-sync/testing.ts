import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ParkedAt, TryError } from "#shared/behind/behind.ts";
import { noteRun } from "#shared/contracts/tasks/note-run.ts";
import type { ParkedWork } from "#shared/parked/work.ts";
import { version } from "#shared/testing/customers-table.ts";
import { METADATA, TRACE } from "#shared/testing/metadata.ts";
import { type FailureDependencies, noteFailure } from "../../functions/customers/failure.ts";
import { bench, FunctionFailure, fakeLambda, fakeService } from "../../local/aws/states/testing.ts";

const DEFINITION = readFileSync(join(import.meta.dirname, "definition.asl.json"), "utf8");
const SUBSTITUTIONS: Record<string, string> = {
  CustomersUpsertArn: "customers-upsert",
  BillingUpsertArn: "billing-upsert",
  FleetBusName: "fleet-bus",
  NoteFailureArn: "note-failure",
};

export const CUSTOMER_ID = "0015f00002J9YaUAAV";
export const ORG = METADATA.orgId;
export const metadata = { ...METADATA, traceHeader: TRACE };
/** A customer whose name tests quoting. */
export const customer = {
  customerId: CUSTOMER_ID,
  orgId: ORG,
  name: 'Zoë & "Söhne"',
  email: "pay@acme.example",
  phone: null,
  address: null,
  plan: "gold",
};
/** Inputs of runs. */
export const changed = { type: "customer.changed", metadata, data: { customer, version: version(1) } };
export const deleted = {
  type: "customer.deleted",
  metadata,
  data: { customerId: CUSTOMER_ID, orgId: ORG, version: version(2) },
};

export const NOW = Date.parse("2026-01-02T00:00:00.000Z");
export const GIVE_UP_AFTER_SECONDS = 86_400;

// biome-ignore lint/suspicious/noExplicitAny: tests know the shapes they ask for
type Any = any;

/** The answers of one collaborator, call by call; the last one repeats, an error is thrown. */
export type Answers = readonly unknown[];

/** What the collaborators answer; whatever is absent succeeds. */
export interface Script {
  readonly customers?: Answers;
  readonly billing?: Answers;
  /** Answers of the function that notes failures: an error, or anything else for what it really does. */
  readonly note?: Answers;
  /** Since how many seconds the customer is behind billing; absent: not at all. */
  readonly behindFor?: number;
  /** How many seconds ago billing was there again after an outage; absent: it was never away. */
  readonly backFor?: number;
  /** How many seconds ago billing took another customer; absent: nobody knows. */
  readonly billedFor?: number;
  /** By detail type: an error, `"entry"` for an entry the bus refuses, or anything else for success. */
  readonly bus?: Readonly<Record<string, Answers>>;
  /** Changes the definition before it runs, such as a shorter time-out. */
  readonly alter?: (states: Any) => void;
}

/** What a run left behind. */
export interface Outcome {
  readonly status: string;
  readonly error?: string;
  readonly cause?: string;
  readonly output?: string;
  readonly executionArn: string;
  /** Payloads by function, one for every try. */
  readonly calls: {
    readonly customers: readonly unknown[];
    readonly billing: readonly unknown[];
    readonly note: readonly unknown[];
  };
  readonly parked: readonly ParkedWork[];
  /** Failed tries noted at the customer, and what was given up. */
  readonly failed: readonly TryError[];
  readonly givenUp: readonly ParkedAt[];
  readonly emitted: readonly {
    readonly type: string;
    readonly source: string;
    readonly bus: string;
    readonly detail: Any;
  }[];
  /** States in the order they were entered. */
  readonly path: readonly string[];
}

/** All states that the runs of this process entered. */
export const visited = new Set<string>();

/** Names of all states. */
export const stateNames: readonly string[] = Object.keys(JSON.parse(DEFINITION).States);

/** A function's failure, as its runtime reports it. */
export const failure = (name: string, message = "why"): Error => new FunctionFailure(name, message);

/** Runs the real definition once, as Step Functions would, with scripted collaborators. */
export async function runCustomerSync(input: unknown, script: Script = {}): Promise<Outcome> {
  const calls = { customers: [] as unknown[], billing: [] as unknown[], note: [] as unknown[] };
  const [customers, billing, note] = [script.customers, script.billing, script.note].map(player);
  const bus = Object.fromEntries(Object.entries(script.bus ?? {}).map(([type, answers]) => [type, player(answers)]));
  const emitted: Any[] = [];
  const [parked, failed, givenUp]: [ParkedWork[], TryError[], ParkedAt[]] = [[], [], []];
  const deps = noting(script, parked, failed, givenUp);
  const { sync, history } = bench([
    fakeLambda((payload, name) => {
      const connector = name === "customers-upsert" ? "customers" : name === "billing-upsert" ? "billing" : "note";
      calls[connector].push(payload);
      if (connector !== "note") return (connector === "customers" ? customers : billing)?.();
      return note?.() ?? noteFailure(noteRun.input.parse(payload), deps);
    }),
    fakeService("events", {
      PutEvents({ Entries: [{ DetailType, Source, EventBusName, Detail }] }) {
        if (bus[DetailType]?.() === "entry")
          return { FailedEntryCount: 1, Entries: [{ ErrorCode: "InternalFailure", ErrorMessage: "refused" }] };
        emitted.push({ type: DetailType, source: Source, bus: EventBusName, detail: JSON.parse(Detail) });
        return { FailedEntryCount: 0, Entries: [{ EventId: "1" }] };
      },
    }),
  ]);
  const result = await sync(definition(script.alter), input);
  const path = history(result.executionArn).flatMap((event: Any) => event.stateEnteredEventDetails?.name ?? []);
  for (const name of path) visited.add(name);
  return { ...result, calls, parked, failed, givenUp, emitted, path };
}

/** What the real decision about failures is made with. */
function noting(
  { behindFor, backFor, billedFor }: Script,
  parked: ParkedWork[],
  failed: TryError[],
  givenUp: ParkedAt[],
): FailureDependencies {
  const moment = new Date(NOW - (behindFor ?? 0) * 1000).toISOString();
  return {
    now: () => NOW,
    giveUpAfterSeconds: GIVE_UP_AFTER_SECONDS,
    billedLast: async () => (billedFor === undefined ? 0 : NOW - billedFor * 1000),
    awayUntil: async () => (backFor === undefined ? 0 : NOW - backFor * 1000),
    park: async (work) => void parked.push(work),
    behind: {
      async failed(_customerId, _target, error) {
        failed.push(error);
        const mark = { since: moment, markedAt: moment, tries: failed.length };
        if (behindFor === undefined) return undefined;
        return error.counts ? { ...mark, failingSince: moment } : mark;
      },
      giveUp: async (_customerId, what) => void givenUp.push(what),
    },
  };
}

function definition(alter: (states: Any) => void = () => undefined): object {
  const text = DEFINITION.replace(/\$\{(\w+)\}/g, (placeholder, name) => SUBSTITUTIONS[name] ?? placeholder);
  const machine = JSON.parse(text);
  alter(machine.States);
  return machine;
}

/** Plays answers one by one. */
function player(answers: Answers = [undefined]): () => unknown {
  let turn = 0;
  return () => {
    const answer = answers[Math.min(turn, answers.length - 1)];
    turn += 1;
    if (answer instanceof Error) throw answer;
    return answer;
  };
}
