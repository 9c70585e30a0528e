import { randomUUID } from "node:crypto";
import { AwsError } from "../kernel/errors.ts";
import { arn } from "../kernel/names.ts";
import type { MachineDefinition, MachineType } from "./definition/types.ts";

export type LogLevel = "ALL" | "ERROR" | "FATAL" | "OFF";

export interface LoggingConfiguration {
  readonly level: LogLevel;
  readonly includeExecutionData: boolean;
  readonly destinations: readonly { readonly cloudWatchLogsLogGroup: { readonly logGroupArn: string } }[];
}

export interface TracingConfiguration {
  readonly enabled: boolean;
}

/** One revision of a state machine; an update makes a new object, and running executions keep theirs. */
export interface Machine {
  readonly arn: string;
  readonly name: string;
  readonly type: MachineType;
  /** The text as it was given. */
  readonly definition: string;
  readonly parsed: MachineDefinition;
  readonly roleArn: string;
  readonly logging: LoggingConfiguration;
  readonly tracing: TracingConfiguration;
  /** Epoch milliseconds. */
  readonly creationDate: number;
  readonly updateDate: number;
  readonly revisionId: string;
}

export type MachineSettings = Pick<Machine, "definition" | "parsed" | "roleArn" | "logging" | "tracing">;

/** The state machines by ARN, with their tags. */
export class Machines {
  readonly #machines = new Map<string, Machine>();
  readonly #tags = new Map<string, Map<string, string>>();

  all(): Machine[] {
    return [...this.#machines.values()].sort((a, b) => a.name.localeCompare(b.name));
  }

  find(machineArn: string): Machine | undefined {
    return this.#machines.get(machineArn);
  }

  /** @throws AwsError `InvalidArn`, `StateMachineDoesNotExist` */
  get(machineArn: string): Machine {
    if (!machineArn.startsWith("arn:"))
      throw new AwsError("InvalidArn", `Invalid Arn: 'Invalid ARN prefix: ${machineArn}'`);
    const machine = this.#machines.get(machineArn);
    if (!machine) throw new AwsError("StateMachineDoesNotExist", `State Machine Does Not Exist: '${machineArn}'`);
    return machine;
  }

  create(name: string, type: MachineType, settings: MachineSettings, now: number): Machine {
    return this.#put({
      arn: machineArn(name),
      name,
      type,
      ...settings,
      creationDate: now,
      updateDate: now,
      revisionId: randomUUID(),
    });
  }

  update(machine: Machine, settings: Partial<MachineSettings>, now: number): Machine {
    return this.#put({ ...machine, ...settings, updateDate: now, revisionId: randomUUID() });
  }

  delete(machineArn: string): void {
    this.#machines.delete(machineArn);
    this.#tags.delete(machineArn);
  }

  /** Takes a machine back from a snapshot. */
  restore(machine: Machine, tags: Readonly<Record<string, string>>): void {
    this.#put(machine);
    this.#tags.set(machine.arn, new Map(Object.entries(tags)));
  }

  tags(machineArn: string): Map<string, string> {
    const known = this.#tags.get(machineArn) ?? new Map<string, string>();
    this.#tags.set(machineArn, known);
    return known;
  }

  #put(machine: Machine): Machine {
    this.#machines.set(machine.arn, machine);
    return machine;
  }
}

export function machineArn(name: string): string {
  return arn("states", `stateMachine:${name}`);
}

/** @param id tells the runs of an EXPRESS execution apart, whose names are not unique */
export function executionArn(machine: Machine, name: string, id: string): string {
  return arn(
    "states",
    machine.type === "EXPRESS" ? `express:${machine.name}:${name}:${id}` : `execution:${machine.name}:${name}`,
  );
}
