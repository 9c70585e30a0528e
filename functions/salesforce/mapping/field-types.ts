import { z } from "zod";
import type { Address } from "#shared/contracts/customer.ts";
import { ContractError, InvalidInputError } from "#shared/errors.ts";
import { toLongId } from "../org/ids.ts";

/** A record as the REST API gives it; an empty field is `null` or left out. */
export type RestRecord = Readonly<Record<string, unknown>>;

/** One field of Salesforce that a member of the customer is read from. */
export interface Source {
  /** API name. */
  readonly name: string;
  /** Types of `describe` that can be read so. */
  readonly types: readonly string[];
  /** Read only where the org has it. */
  readonly optional?: true;
}

/** How one member of the customer is read from a record. */
export interface Field<out T = unknown> {
  readonly sources: readonly Source[];
  /** Whether a record without a value is refused. */
  readonly required: boolean;
  /**
   * The value; `null` when the field is empty or blank.
   * @throws ContractError when the value has another type
   * @throws InvalidInputError when it cannot be used; the field is named, the value is not
   */
  read(record: RestRecord): T;
}

/** An amount of money. */
export interface Money {
  readonly amount: number;
  /** ISO 4217, or `null` in an org of one currency, which does not say. */
  readonly currency: string | null;
}

const TEXT_TYPES = ["string", "textarea", "url", "picklist", "combobox", "encryptedstring"];
const NUMBER_TYPES = ["int", "long", "double", "percent", "currency"];
const ISO_DATE_TIME = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?)(Z|[+-]\d\d:?\d\d)$/;

/** A text without the blanks around it. */
export function text(name: string): Field<string | null> {
  return field(name, TEXT_TYPES, asText);
}

/** An e-mail address as Salesforce holds it, which need not be one that mail servers take. */
export function email(name: string): Field<string | null> {
  return field(name, ["email", "string"], asText);
}

/** A telephone number as people wrote it. */
export function phone(name: string): Field<string | null> {
  return field(name, ["phone", "string"], asText);
}

/** The API name of the chosen value, not its label. */
export function picklist(name: string): Field<string | null> {
  return field(name, ["picklist", "combobox"], asText);
}

/** The API names of the chosen values, in the order in which Salesforce stores them: `A;B`. */
export function multiPicklist(name: string): Field<readonly string[] | null> {
  return field(name, ["multipicklist"], (value) =>
    asText(value, name)
      .split(";")
      .map((one) => one.trim())
      .filter((one) => one !== ""),
  );
}

/** An amount, with its currency where the org has several. */
export function currency(name: string): Field<Money | null> {
  const amount = field(name, ["currency"], asNumber);
  const code = field("CurrencyIsoCode", ["picklist"], asText);
  return {
    sources: [...amount.sources, ...code.sources.map((source) => ({ ...source, optional: true as const }))],
    required: false,
    read(record) {
      const value = amount.read(record);
      return value === null ? null : { amount: value, currency: code.read(record) };
    },
  };
}

export function number(name: string): Field<number | null> {
  return field(name, NUMBER_TYPES, asNumber);
}

/** `null` only where the record's kind does not have the field, such as a person's field of a business account. */
export function checkbox(name: string): Field<boolean | null> {
  return field(name, ["boolean"], (value) => {
    if (typeof value === "boolean") return value;
    throw mistyped(name, "true or false");
  });
}

/** A day of the calendar, `YYYY-MM-DD`; it belongs to no time zone and is never shifted. */
export function date(name: string): Field<string | null> {
  return field(name, ["date"], (value) => {
    if (z.iso.date().safeParse(value).success) return value as string;
    throw mistyped(name, "a date such as 2026-11-22");
  });
}

/** A moment, ISO 8601 in UTC, whichever offset Salesforce wrote. */
export function dateTime(name: string): Field<string | null> {
  return field(name, ["datetime"], (value) => {
    const [, local, zone] = (typeof value === "string" && ISO_DATE_TIME.exec(value)) || [];
    const moment = new Date(`${local}${zone?.replace(/^([+-]\d\d)(\d\d)$/, "$1:$2")}`);
    if (Number.isNaN(moment.getTime())) throw mistyped(name, "a date and time with its offset");
    return moment.toISOString();
  });
}

/**
 * A compound address, such as `BillingAddress`. Where the org has state and country picklists their codes win.
 * https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/compound_fields_address.htm
 */
export function address(name: string): Field<Address | null> {
  return field(name, ["address"], (value) => {
    if (typeof value !== "object" || Array.isArray(value)) throw mistyped(name, "an address");
    const part = (key: string) => read(`${name}.${key}`, (value as RestRecord)[key], asText);
    const parts: Address = {
      street: part("street"),
      city: part("city"),
      state: part("stateCode") ?? part("state"),
      postalCode: part("postalCode"),
      country: part("countryCode") ?? part("country"),
    };
    return Object.values(parts).some((one) => one !== null) ? parts : null;
  });
}

/** The 18-character id of another record, or of the record itself. */
export function reference(name: string): Field<string | null> {
  return field(name, ["reference", "id"], (value) => {
    const id = asText(value, name);
    try {
      return toLongId(id);
    } catch (cause) {
      throw new ContractError("BAD_FIELD_TYPE", `${name} must be the id of a record`, { cause });
    }
  });
}

/** A record without a value is refused. */
export function required<T>(inner: Field<T>): Field<NonNullable<T>> {
  return {
    sources: inner.sources,
    required: true,
    read(record) {
      const value = inner.read(record);
      if (value === null || value === undefined) throw unusable(namesOf(inner), "is empty");
      return value;
    },
  };
}

/** The first of several fields that has a value. */
export function firstOf<T>(...fields: readonly Field<T | null>[]): Field<T | null> {
  return {
    sources: fields.flatMap(({ sources }) => sources),
    required: false,
    read(record) {
      for (const one of fields) {
        const value = one.read(record);
        if (value !== null) return value;
      }
      return null;
    },
  };
}

function field<T>(
  name: string,
  types: readonly string[],
  convert: (value: unknown, name: string) => T,
): Field<T | null> {
  return { sources: [{ name, types }], required: false, read: (record) => read(name, record[name], convert) };
}

function read<T>(name: string, value: unknown, convert: (value: unknown, name: string) => T): T | null {
  const blank = value === null || value === undefined || (typeof value === "string" && value.trim() === "");
  return blank ? null : convert(value, name);
}

function asText(value: unknown, name: string): string {
  if (typeof value === "string") return value.trim();
  throw mistyped(name, "a text");
}

function asNumber(value: unknown, name: string): number {
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw mistyped(name, "a number");
}

function namesOf({ sources }: Field): string {
  return sources.map(({ name }) => name).join(" or ");
}

function mistyped(name: string, expected: string): ContractError {
  return new ContractError("BAD_FIELD_TYPE", `${name} must be ${expected}`);
}

function unusable(name: string, problem: string): InvalidInputError {
  return new InvalidInputError("BAD_FIELD", `${name} ${problem}`);
}
