import { randomUUID } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AwsError } from "../../kernel/errors.ts";
import type { ExecutionRecord } from "../execution.ts";
import { MapRun, type MapRunRecord } from "./map-run.ts";
import { Spool } from "./spool.ts";

export type NewMapRun = Omit<MapRunRecord, "id" | "status" | "redriveCount" | "written">;

/** All Map Runs that the twin remembers; their children's data lives in one folder. */
export class MapRuns {
  readonly #runs = new Map<string, MapRun>();
  readonly #keptFolder: string | undefined;
  #folder: string | undefined;

  /** @param folder keeps the data over restarts; absent: a temporary folder that `close` removes */
  constructor(folder: string | undefined) {
    this.#keptFolder = folder;
  }

  start(settings: NewMapRun): MapRun {
    const id = randomUUID();
    const record = { ...settings, id, status: "RUNNING", redriveCount: 0, written: [] } as const;
    return this.#add(new MapRun({ ...record, written: [] }, new Spool(this.#open(), id)));
  }

  find(mapRunArn: string): MapRun | undefined {
    return this.#runs.get(mapRunArn);
  }

  /** @throws AwsError `InvalidArn`, `ResourceNotFound` */
  get(mapRunArn: string): MapRun {
    if (!mapRunArn.startsWith("arn:"))
      throw new AwsError("InvalidArn", `Invalid Arn: 'Invalid ARN prefix: ${mapRunArn}'`);
    const mapRun = this.#runs.get(mapRunArn);
    if (!mapRun) throw new AwsError("ResourceNotFound", `Resource not found: '${mapRunArn}'`);
    return mapRun;
  }

  /** Those of one execution, newest first. */
  of(executionArn: string): MapRun[] {
    return [...this.#runs.values()].filter(({ record }) => record.executionArn === executionArn).reverse();
  }

  /** A child that has ended, wherever it belongs. */
  endedChild(childArn: string): { readonly mapRun: MapRun; readonly record: ExecutionRecord } | undefined {
    for (const mapRun of this.#runs.values()) {
      if (!childArn.includes(`:${mapRun.record.machine.name}:`)) continue;
      const index = mapRun.indexOf(childArn);
      const record = index === undefined ? undefined : mapRun.endedChild(index);
      if (record) return { mapRun, record };
    }
    return undefined;
  }

  /** Drops the Map Runs of an execution that is forgotten, and those of their children. */
  forget(executionArn: string): void {
    for (const mapRun of this.of(executionArn)) {
      this.#runs.delete(mapRun.arn);
      for (const { record } of [...this.#runs.values()])
        if (mapRun.indexOf(record.executionArn) !== undefined) this.forget(record.executionArn);
      mapRun.spool.delete();
    }
  }

  records(): MapRunRecord[] {
    return [...this.#runs.values()].map(({ record }) => record);
  }

  /** Takes Map Runs back from a snapshot; data of any other is from one that was never noted, and goes. */
  restore(records: readonly MapRunRecord[]): void {
    if (records.length === 0 && !this.#keptFolder) return;
    const folder = this.#open();
    for (const file of readdirSync(folder))
      if (!records.some(({ id }) => file.startsWith(`${id}.`))) rmSync(join(folder, file));
    for (const record of records) {
      const spool = new Spool(folder, record.id);
      spool.load();
      this.#add(new MapRun(record, spool));
    }
  }

  close(): void {
    for (const { spool } of this.#runs.values()) spool.close();
    if (!this.#keptFolder && this.#folder) rmSync(this.#folder, { recursive: true, force: true });
    this.#folder = undefined;
  }

  #add(mapRun: MapRun): MapRun {
    this.#runs.set(mapRun.arn, mapRun);
    return mapRun;
  }

  #open(): string {
    this.#folder ??= this.#keptFolder ?? mkdtempSync(join(tmpdir(), "twin-states-"));
    mkdirSync(this.#folder, { recursive: true });
    return this.#folder;
  }
}
