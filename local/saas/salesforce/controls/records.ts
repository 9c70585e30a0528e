import { z } from "zod";
import { type Control, ControlError, parseControl } from "../../front/control.ts";
import { convertLead } from "../dml/convert-lead.ts";
import { mergeAccounts } from "../dml/merge-accounts.ts";
import { targetOf } from "../dml/triggers.ts";
import type { ObjectType } from "../fields.ts";
import { toId18 } from "../ids.ts";
import type { Org } from "../org.ts";
import { OBJECT_TYPES, requireField, typeOfId } from "../schema.ts";
import { humanActor, seedOrg, seedSchema } from "../seeding/seed.ts";
import { toStored } from "../values.ts";
import type { Changing } from "./control.ts";

const recordId = z.strictObject({ id: z.string() });
const ids = z.strictObject({ ids: z.array(z.string()).optional() });
const conversion = z.strictObject({ leadId: z.string(), opportunityName: z.string().optional() });
const merge = z.strictObject({ masterId: z.string(), loserIds: z.array(z.string()).min(1).max(2) });
const trigger = z.strictObject({
  /** Only updates through this client; absent means all. */
  client: z.string().optional(),
  on: z.enum(["Account", "Contact"]).default("Account"),
  field: z.string(),
  value: z.union([z.string(), z.number(), z.boolean(), z.null()]),
});

/** Controls that do to records what the REST API cannot: what people and code inside the org do. */
export function recordControls(changing: Changing): readonly Control[] {
  return [
    { method: "POST", path: "seed", run: changing(({ org }, input) => seedOrg(org, parseControl(seedSchema, input))) },
    {
      method: "POST",
      path: "undelete",
      run: changing(({ org }, input) => undelete(org, parseControl(recordId, input).id)),
    },
    {
      method: "POST",
      path: "empty-recycle-bin",
      run: changing(({ org }, input) => emptyRecycleBin(org, parseControl(ids, input).ids)),
    },
    {
      method: "POST",
      path: "convert-lead",
      run: changing(({ org }, input) => {
        const { leadId, opportunityName } = parseControl(conversion, input);
        const lead = { leadId: knownId(leadId).id, ...(opportunityName === undefined ? {} : { opportunityName }) };
        return org.transact(humanActor(org), (tx) => convertLead(tx, lead, org.now()));
      }),
    },
    {
      method: "POST",
      path: "merge-accounts",
      run: changing(({ org }, input) => {
        const { masterId, loserIds } = parseControl(merge, input);
        const accounts = { masterId: knownId(masterId).id, loserIds: loserIds.map((id) => knownId(id).id) };
        org.transact(humanActor(org), (tx) => mergeAccounts(tx, accounts));
        return accounts;
      }),
    },
    { method: "POST", path: "triggers", run: changing(({ org }, input) => addTrigger(org, input)) },
    {
      method: "DELETE",
      path: "triggers",
      run: changing(({ org }) => {
        org.state.triggers = [];
      }),
    },
  ];
}

function undelete(org: Org, given: string): { id: string } {
  const { id, type } = knownId(given);
  org.transact(humanActor(org), (tx) => tx.undelete(type, id));
  return { id };
}

function emptyRecycleBin(org: Org, given: readonly string[] | undefined): { purged: number } {
  const chosen = given && new Set(given.map((id) => knownId(id).id));
  const counts = OBJECT_TYPES.map((type) => org.emptyRecycleBin(type, chosen));
  return { purged: counts.reduce((sum, count) => sum + count, 0) };
}

function addTrigger(org: Org, input: unknown): unknown {
  const { client, on, field, value } = parseControl(trigger, input);
  const target = requireField(targetOf({ on }), field);
  const armed = { on, field: target.name, value: toStored(target, value), ...(client === undefined ? {} : { client }) };
  org.state.triggers.push(armed);
  return armed;
}

/** @throws ControlError when it is not the id of one of the org's objects */
function knownId(given: string): { id: string; type: ObjectType } {
  const id = toId18(given);
  const type = id && typeOfId(id);
  if (!id || !type) throw new ControlError(`'${given}' is not the id of a record.`);
  return { id, type };
}
