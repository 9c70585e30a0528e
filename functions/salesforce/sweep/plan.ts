import type { DetailOf } from "#shared/contracts/event.ts";
import type { reconciliationRequested } from "#shared/contracts/events.ts";
import { InvalidInputError } from "#shared/errors.ts";
import { describeIssues } from "#shared/issues.ts";
import { log } from "#shared/observability.ts";
import type { StateTable } from "#shared/state-table.ts";
import type { Salesforce } from "../client/types.ts";
import { ACCOUNT, chooseMapping, feedingEntities, type Mapping } from "../mapping/mapping.ts";
import { readMark } from "./mark.ts";
import { phasesOf } from "./phases.ts";
import { NOTHING, type Progress, progressSchema } from "./progress.ts";
import type { SweepScope } from "./scope.ts";

/** What a request asks for. */
export type SweepRequest = DetailOf<typeof reconciliationRequested>;

export interface PlanDependencies {
  readonly salesforce: Pick<Salesforce, "connection">;
  readonly state: Pick<StateTable, "read">;
  /** Epoch milliseconds. */
  readonly now: () => number;
}

// The live feed works at the latest changes; a scheduled sweep would take them for drift.
const LIVE_MS = 5 * 60_000;
const LAST = "9999-12-31T23:59:59.999Z";

/**
 * What a request means now, and where the work begins or goes on. Without a window a sweep begins where the last one
 * ended, and looks at everything when there was none.
 * @throws InvalidInputError `UNKNOWN_ENTITY`, `BAD_WINDOW` or `BAD_CURSOR`
 */
export async function planSweep(
  { metadata, data }: SweepRequest,
  deps: PlanDependencies,
): Promise<{ scope: SweepScope; progress: Progress }> {
  const { orgId } = metadata;
  const { entity } = data;
  const mapping = chooseMapping((await deps.salesforce.connection()).mapping);
  const parents = parentsOf(entity, mapping);
  const related = [...feedingEntities(mapping)].filter((one) => one !== ACCOUNT);
  if (data.ids)
    return planChosen(
      { orgId, entity, parents, related, full: false, window: spell(deps.now(), deps.now()) },
      data.ids,
    );
  if (data.cursor) {
    const scope = { orgId, entity, parents, related, full: data.full, window: givenWindow(data.window) };
    return { scope, progress: readCursor(data.cursor, scope) };
  }
  const { full, window } = await chooseWindow(data, orgId, deps);
  const scope = { orgId, entity, parents, related, full, window };
  return { scope, progress: { phase: phasesOf(scope)[0]?.name ?? "end", counts: NOTHING } };
}

/** @throws InvalidInputError `UNKNOWN_ENTITY` for ids of what is no account */
function planChosen(scope: SweepScope, ids: readonly string[]): { scope: SweepScope; progress: Progress } {
  if (scope.entity !== ACCOUNT)
    throw new InvalidInputError("UNKNOWN_ENTITY", `Accounts alone can be compared by their ids, not ${scope.entity}.`);
  return { scope: { ...scope, ids: [...new Set(ids)] }, progress: { phase: "records", counts: NOTHING } };
}

async function chooseWindow(
  { entity, full, reason, window }: SweepRequest["data"],
  orgId: string,
  { state, now }: PlanDependencies,
): Promise<Pick<SweepScope, "full" | "window">> {
  const given = window && givenWindow(window);
  const latest = reason === "schedule" ? now() - LIVE_MS : now();
  const to = Math.min(latest, Date.parse(given?.to ?? LAST));
  if (full) return { full, window: spell(0, to) };
  const from = given?.from ?? (await readMark(state, orgId, entity));
  if (from !== undefined) return { full, window: spell(Math.min(Date.parse(from), to), to) };
  log().warn("There was no sweep before, so everything is compared", { entity });
  return { full: true, window: spell(0, to) };
}

function givenWindow(window: SweepRequest["data"]["window"]): SweepScope["window"] {
  const [from, to] = [window?.from, window?.to].map((moment) => Date.parse(moment ?? ""));
  if (from !== undefined && to !== undefined && from <= to) return spell(from, to);
  throw new InvalidInputError(
    "BAD_WINDOW",
    `The window of the sweep goes from ${window?.from} to ${window?.to}; its end must not be before its beginning.`,
  );
}

/** Moments in one spelling, so that they sort as text. */
function spell(from: number, to: number): SweepScope["window"] {
  return { from: new Date(from).toISOString(), to: new Date(to).toISOString() };
}

function readCursor(cursor: object, scope: SweepScope): Progress {
  const result = progressSchema.safeParse(cursor);
  const phases = ["end", ...phasesOf(scope).map(({ name }) => name)];
  if (result.success && phases.includes(result.data.phase)) return result.data;
  const problem = result.success ? `phase is none of ${phases.join(", ")}` : describeIssues(result.error.issues);
  throw new InvalidInputError(
    "BAD_CURSOR",
    `The cursor of the sweep of ${scope.entity} does not fit: ${problem}. Only a sweep writes one; ask without a cursor.`,
  );
}

/** Fields of an object that hold the id of the account it feeds; none for the account itself. */
function parentsOf(entity: string, mapping: Mapping): readonly string[] {
  const entities = feedingEntities(mapping);
  if (!entities.has(entity))
    throw new InvalidInputError(
      "UNKNOWN_ENTITY",
      `${entity} is no part of a customer; a sweep can compare ${[...entities].join(", ")}.`,
    );
  const related = Object.values(mapping.related).filter((one) => one.entity === entity);
  return [...new Set(related.map(({ parent }) => parent))];
}
