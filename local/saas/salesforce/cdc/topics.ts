import type { OrgState } from "../state.ts";
import type { ChangeEvent } from "./event.ts";
import { eventName } from "./event.ts";

const ALL = "/data/ChangeEvents";

/** Which events a channel such as `/data/ChangeEvents` or `/data/AccountChangeEvent` carries. */
export interface Topic {
  readonly name: string;
  /** Object of the channel; absent for the one that carries all. */
  readonly entityName?: string;
  carries(event: ChangeEvent): boolean;
}

/** @returns undefined when the org has no such channel: the object is unknown or its changes are not captured */
export function findTopic(name: string, { capture }: Pick<OrgState, "capture">): Topic | undefined {
  if (name === ALL) return { name, carries: () => true };
  const entityName = capture.entities.find((one) => name === `/data/${eventName(one)}`);
  if (entityName === undefined) return undefined;
  return { name, entityName, carries: (event) => event.entityName === entityName };
}
