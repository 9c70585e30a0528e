/** A field of Account that the fleet writes. */
interface WrittenField {
  /** API name. */
  readonly name: string;
  /** As `describe` tells it. */
  readonly type: "string" | "datetime";
  /** Most characters that the field holds; a text. */
  readonly maxLength?: number;
  /** Where the limit, or the field's form, is told. */
  readonly source: string;
}

const TEXT = "https://help.salesforce.com/s/articleView?id=platform.custom_field_types.htm";
const DATETIME = "https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/primitive_data_types.htm";

/**
 * What the fleet writes back to Account. Whoever reads an account sees which billing customer it is, whether it is in
 * step, and since when. The integration user needs to be allowed to read and edit all of them.
 */
export const WRITTEN_FIELDS = [
  /** Id in billing; an external id, unique among the accounts. Stripe's ids are never longer. */
  { name: "Stripe_Customer_Id__c", type: "string", maxLength: 255, source: TEXT },
  /** `synced`, `synced, adjusted: <fields of billing>`, or `failed: <state of the workflow>`. */
  { name: "Sync_State__c", type: "string", maxLength: 80, source: TEXT },
  /** When the state came about. */
  { name: "Sync_Time__c", type: "datetime", source: DATETIME },
] as const satisfies readonly WrittenField[];

/** API name of a field that the fleet writes. */
export type WrittenName = (typeof WRITTEN_FIELDS)[number]["name"];

/** All of them. */
export const WRITTEN_NAMES: readonly WrittenName[] = WRITTEN_FIELDS.map(({ name }) => name);

/** Values to write, by field. */
export type WrittenValues = Readonly<Partial<Record<WrittenName, string | null>>>;

const TYPES = new Map<string, WrittenField["type"]>(WRITTEN_FIELDS.map(({ name, type }) => [name, type]));

/** Most characters that a written field holds; unlimited when it is no text. */
export function maxLengthOf(name: WrittenName): number {
  const field: WrittenField | undefined = WRITTEN_FIELDS.find((one) => one.name === name);
  return field?.maxLength ?? Number.POSITIVE_INFINITY;
}

/** Whether the fleet writes the field of this name. */
export function isWritten(name: string): name is WrittenName {
  return TYPES.has(name);
}

/**
 * A value of a written field in the one form in which two of them can be compared, whether REST, an event or the fleet
 * wrote it: a moment in epoch milliseconds, and `null` for what is empty or not there.
 */
export function canonicalValue(name: WrittenName, value: unknown): unknown {
  if (value === undefined || value === null || value === "") return null;
  if (TYPES.get(name) !== "datetime" || !(typeof value === "string" || typeof value === "number")) return value;
  const moment = new Date(value).getTime();
  return Number.isNaN(moment) ? value : moment;
}
