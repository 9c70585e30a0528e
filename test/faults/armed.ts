import type { Principal } from "../../local/aws/kernel/service.ts";

/** Calls that a fault hits which lasts. */
export const ALWAYS = 1_000_000;

/** A fault that is there until somebody takes it away. */
export interface Armed {
  /** How many calls it has hit so far. */
  hits(): number;
  /** Most calls that it hits. */
  readonly most: number;
  clear(): Promise<void>;
}

/** Which calls of the twin make the hop. */
export interface Place {
  readonly service: string;
  readonly operations: readonly string[];
  readonly when: (principal: Principal, resource: string) => boolean;
  /** The sessions of the function that works at the hop. */
  readonly worker?: Principal;
}
