import { type Cell, cellsOf } from "../faults/cells.ts";
import type { Hop } from "../faults/hops.ts";
import { DEMANDS, type Demand } from "./aws.ts";
import type { Grant } from "./grants.ts";
import type { Step } from "./lab.ts";
import { STEPS } from "./steps.ts";
import { WAITING_STEPS } from "./waiting-steps.ts";

/** Why a grant is needed: cells of the fault matrix miss it, a step does, or AWS demands it. */
export type Proof =
  | { readonly by: "matrix"; readonly cells: readonly Cell[] }
  | { readonly by: "step"; readonly step: Step }
  | { readonly by: "aws"; readonly demand: Demand };

export interface Proven {
  readonly grant: Grant;
  /** Undefined when nothing shows that anybody needs it. */
  readonly proof: Proof | undefined;
}

/** The cells of the fault matrix that take a permission away. */
export function permissionCells(hops: readonly Hop[]): Cell[] {
  return cellsOf(hops).filter(({ fault, duration }) => fault === "missing permission" && duration === "short");
}

/** What shows of each grant that it is needed. */
export function proofsOf(grants: readonly Grant[], hops: readonly Hop[]): Proven[] {
  const all = permissionCells(hops);
  return grants.map((grant) => {
    const isIts = ({ grants: pattern }: Step) => pattern.test(grant.id);
    // What is used so seldom that no short run of the matrix reaches it.
    const cells = WAITING_STEPS.some(isIts) ? [] : all.filter(({ hop }) => isOf(hop, grant));
    if (cells.length > 0) return { grant, proof: { by: "matrix", cells } };
    const demand = DEMANDS.find((one) => one.kind === grant.kind && one.grants.test(grant.id));
    if (demand) return { grant, proof: { by: "aws", demand } };
    const step = STEPS.find(isIts);
    return { grant, proof: step && { by: "step", step } };
  });
}

/** Whether the hop cannot be passed without the grant. */
function isOf(hop: Hop, { kind, owner, action, id }: Grant): boolean {
  if (hop.kind === "delivery") return kind === "policy" && hop.queue === owner;
  if (kind !== "role") return false;
  if (hop.kind === "mapping")
    return action.name === "sqs:ReceiveMessage" && hop.role === owner && hop.queue === action.resource;
  return hop.kind === "action" && hop.role === owner && hop.id === id;
}
