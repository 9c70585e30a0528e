import type { Address } from "#shared/contracts/customer.ts";
import { InvalidInputError } from "#shared/errors.ts";
import type { Field, Source } from "./field-types.ts";
import { mappings } from "./fields.ts";

/** The object that a customer is. */
export const ACCOUNT = "Account";

/** The members that the customer's contract fixes, and any others. */
interface AccountFields {
  readonly name: Field<string>;
  readonly email: Field<string | null>;
  readonly phone: Field<string | null>;
  readonly address: Field<Address | null>;
  readonly plan: Field<string | null>;
  readonly [member: string]: Field;
}

/** One record of another object that belongs to the account; of several the one with the smallest id. */
export interface Related {
  /** API name of the object, such as `Contact`. */
  readonly entity: string;
  /** Its field that holds the account's id. */
  readonly parent: string;
  /** Its checkbox that marks the record. */
  readonly filter: string;
  readonly fields: Readonly<Record<string, Field>>;
}

/** How an organisation's records become a customer. */
export interface Mapping {
  readonly account: AccountFields;
  /** By member of the customer; `null` when there is no such record. */
  readonly related: Readonly<Record<string, Related>>;
}

/** Sources that every record is read with. */
const ID: Source = { name: "Id", types: ["id"] };
const SYSTEM_MODSTAMP: Source = { name: "SystemModstamp", types: ["datetime"] };

/**
 * The mapping that a connection names.
 * @param name `mapping` of the connection's secret; undefined means `default`
 * @throws InvalidInputError `UNKNOWN_MAPPING`
 */
export function chooseMapping(name: unknown = "default"): Mapping {
  const mapping = typeof name === "string" && Object.hasOwn(mappings, name) ? mappings[name] : undefined;
  if (mapping) return mapping;
  throw new InvalidInputError(
    "UNKNOWN_MAPPING",
    `The connection's mapping '${String(name)}' is none of ${Object.keys(mappings).join(", ")}; correct the connection's ` +
      "secret, or add the mapping to functions/salesforce/mapping/fields.ts.",
  );
}

/** Objects whose changes move the customer: the account and every related object. */
export function feedingEntities(mapping: Mapping): ReadonlySet<string> {
  return new Set([ACCOUNT, ...Object.values(mapping.related).map(({ entity }) => entity)]);
}

/** Every field that a mapping reads, by object: what the organisation must have and show to the integration user. */
export function sourcesOf(mapping: Mapping): ReadonlyMap<string, readonly Source[]> {
  const sources = new Map([[ACCOUNT, accountSources(mapping)]]);
  for (const related of Object.values(mapping.related)) {
    const known = sources.get(related.entity) ?? [];
    sources.set(related.entity, distinct([...known, ...relatedSources(related)]));
  }
  return sources;
}

/** The fields of Account that a mapping reads. */
export function accountSources({ account }: Mapping): readonly Source[] {
  return distinct([ID, SYSTEM_MODSTAMP, ...Object.values(account).flatMap(({ sources }) => sources)]);
}

/** The fields of a related object that a mapping reads. */
export function relatedSources({ parent, filter, fields }: Related): readonly Source[] {
  return distinct([
    ID,
    { name: parent, types: ["reference"] },
    { name: filter, types: ["boolean"] },
    ...Object.values(fields).flatMap(({ sources }) => sources),
  ]);
}

function distinct(sources: readonly Source[]): readonly Source[] {
  return [...new Map(sources.map((source) => [source.name, source])).values()];
}
