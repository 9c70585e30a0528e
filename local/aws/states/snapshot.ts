import type { MapRunRecord } from "./distributed/map-run.ts";
import type { ExecutionRecord } from "./execution.ts";
import type { Machine } from "./machines.ts";
import type { StatesContext } from "./service.ts";

type Parts = Pick<StatesContext, "machines" | "executions" | "mapRuns">;

interface Snapshot {
  /** Every revision that a machine or an execution stands on. */
  readonly revisions: readonly Machine[];
  /** Revision ids of the state machines that exist. */
  readonly machines: readonly { readonly revisionId: string; readonly tags: Readonly<Record<string, string>> }[];
  readonly executions: readonly (Omit<ExecutionRecord, "machine"> & { readonly revisionId: string })[];
  readonly mapRuns?: readonly (Omit<MapRunRecord, "machine"> & { readonly revisionId: string })[];
}

/**
 * State machines and STANDARD executions as JSON. EXPRESS executions are left out: they do not survive their host on
 * AWS either, and their history is in the logs.
 */
export function takeSnapshot({ machines, executions, mapRuns }: Parts): unknown {
  const records = executions
    .all()
    .map(({ record }) => record)
    .filter(({ machine }) => machine.type === "STANDARD")
    .reverse();
  const revisions = new Map(
    [...[...records, ...mapRuns.records()].map(({ machine }) => machine), ...machines.all()].map((machine) => [
      machine.revisionId,
      machine,
    ]),
  );
  const snapshot: Snapshot = {
    revisions: [...revisions.values()],
    machines: machines
      .all()
      .map(({ arn, revisionId }) => ({ revisionId, tags: Object.fromEntries(machines.tags(arn)) })),
    executions: records.map(({ machine, ...record }) => ({ ...record, revisionId: machine.revisionId })),
    mapRuns: mapRuns.records().map(({ machine, ...record }) => ({ ...record, revisionId: machine.revisionId })),
  };
  // A copy: the positions of running executions change in place.
  return JSON.parse(JSON.stringify(snapshot));
}

/** Takes back what `takeSnapshot` made; nothing runs yet. */
export function restoreSnapshot(state: unknown, { machines, executions, mapRuns }: Parts): void {
  const snapshot = state as Snapshot;
  const revisions = new Map(snapshot.revisions.map((machine) => [machine.revisionId, machine]));
  const revision = (id: string) => {
    const machine = revisions.get(id);
    if (!machine) throw new Error(`The snapshot of Step Functions lacks the revision '${id}'; start with --reset.`);
    return machine;
  };
  for (const { revisionId, tags } of snapshot.machines) machines.restore(revision(revisionId), tags);
  mapRuns.restore(
    (snapshot.mapRuns ?? []).map(({ revisionId, ...record }) => ({ ...record, machine: revision(revisionId) })),
  );
  for (const { revisionId, ...record } of snapshot.executions) {
    // The results of a Map Run are on the disk at once: they may know of an end that the snapshot does not.
    const { mapRunArn, arn, redriveCount } = record;
    if (mapRunArn !== undefined && mapRuns.find(mapRunArn)?.hasEnded(arn, redriveCount) !== false) continue;
    executions.restore({ ...record, machine: revision(revisionId) });
  }
}
