import { z } from "zod";
import { changeOrigin } from "../cdc/origin.ts";
import type { Actor, Org } from "../org.ts";
import { requireType } from "../schema.ts";
import { HUMAN_USER } from "../state.ts";
import { generateRecords } from "./generate.ts";

const rows = z.array(z.record(z.string(), z.unknown())).default([]);

/** Input of the `seed` control, and of the emulator's option. */
export const seedSchema = z.strictObject({
  accounts: rows,
  contacts: rows,
  leads: rows,
  /** True: the records are a day old and were there before changes were captured, so there are no events. */
  quiet: z.boolean().default(false),
  /** Makes many records that nobody has written down; always quiet. */
  generate: z
    .strictObject({
      accounts: z.int().nonnegative().default(0),
      contacts: z.int().nonnegative().default(0),
      seed: z.int().default(1),
    })
    .optional(),
});
export type Seed = z.input<typeof seedSchema>;

const DAY_MS = 24 * 3600 * 1000;

/** Makes records as the human user, each list in one transaction. @returns the ids in the order given */
export function seedOrg(org: Org, seed: Seed): Record<string, unknown> {
  const { accounts, contacts, leads, quiet, generate } = seedSchema.parse(seed);
  const actor = humanActor(org);
  const insert = (typeName: string, records: readonly Record<string, unknown>[]) => {
    const work = (tx: Parameters<Parameters<Org["transact"]>[1]>[0]) =>
      records.map((record) => tx.insert(requireType(typeName), record));
    return quiet ? org.transactUncaptured(actor, org.now() - DAY_MS, work) : org.transact(actor, work);
  };
  const made = {
    accounts: insert("Account", accounts),
    contacts: insert("Contact", contacts),
    ...(leads.length > 0 ? { leads: insert("Lead", leads) } : {}),
  };
  return generate ? { ...made, generated: generateRecords(org, generate, actor.userId) } : made;
}

/** The person who edits in the browser. */
export function humanActor(org: Org): Actor {
  const user = org.records(requireType("User")).find((one) => one.Username === HUMAN_USER);
  return { userId: String(user?.Id), changeOrigin: changeOrigin("soap", "66.0", "SfdcInternalAPI/") };
}
