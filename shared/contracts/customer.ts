import { z } from "zod";

/** A Salesforce record id with its checksum: 18 characters. */
export const salesforceIdSchema = z.string().regex(/^[a-zA-Z0-9]{18}$/, "must be an 18-character Salesforce id");

/**
 * Total order of the snapshots of one customer, as one string that sorts: `SystemModstamp`, then the change's
 * `commitTimestamp`, then the moment the snapshot was read. Salesforce counts the first two in seconds, so two changes
 * within one second are told apart by the read: a later read is never older. Compared, never computed with.
 */
export const versionSchema = z
  .string()
  .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\/\d{15}\/\d{15}$/, "must be SystemModstamp/commitTimestamp/readAt");

// In both cases: a JSON Schema has no flags.
const ATOM = "[A-Za-z\\d!#$%&'*+/=?^_`{|}~-]+";
const LABEL = "[A-Za-z\\d](?:[A-Za-z\\d-]*[A-Za-z\\d])?";

/**
 * An e-mail address that mail servers take: https://www.rfc-editor.org/rfc/rfc5322#section-3.4.1, without quotes and
 * comments. Salesforce also keeps others, such as those with two dots in a row, which reach nobody.
 */
export const emailSchema = z.email({ pattern: new RegExp(`^${ATOM}(?:\\.${ATOM})*@${LABEL}(?:\\.${LABEL})+$`) });

/** A postal address in the words of our customer record; a part that Salesforce leaves empty is `null`. */
export const addressSchema = z.looseObject({
  street: z.string().nullable(),
  city: z.string().nullable(),
  state: z.string().nullable(),
  postalCode: z.string().nullable(),
  country: z.string().nullable(),
});

/** The canonical customer: what every target is made equal to. */
export const customerSchema = z.looseObject({
  customerId: salesforceIdSchema,
  orgId: z.string(),
  name: z.string().min(1),
  email: emailSchema.nullable(),
  /** What Salesforce holds where an e-mail address belongs, when it is none that mail servers take; `email` is null then. */
  unusableEmail: z.string().min(1).optional(),
  phone: z.string().nullable(),
  address: addressSchema.nullable(),
  plan: z.string().nullable(),
});

export type Address = z.infer<typeof addressSchema>;
export type Customer = z.infer<typeof customerSchema>;

/** Writes a version. `systemModstamp` in any ISO form; the other two in epoch milliseconds. */
export function formatVersion(systemModstamp: string | number, commitTimestamp: number, readAt: number): string {
  const pad = (ms: number) => String(ms).padStart(15, "0");
  return `${new Date(systemModstamp).toISOString()}/${pad(commitTimestamp)}/${pad(readAt)}`;
}
