import { type Customer, customerSchema, emailSchema } from "#shared/contracts/customer.ts";
import { ContractError, InvalidInputError } from "#shared/errors.ts";
import { describeIssues } from "#shared/issues.ts";
import { toLongId } from "../org/ids.ts";
import { dateTime, type Field, type RestRecord, required } from "./field-types.ts";
import { ACCOUNT, type Mapping } from "./mapping.ts";

/** A customer and when Salesforce last touched its record. */
export interface CustomerSnapshot {
  readonly customer: Customer;
  /** ISO 8601 in UTC. */
  readonly systemModstamp: string;
  /** Ids of the related records that the customer holds, such as its billing contact's. */
  readonly relatedIds: readonly string[];
  /** The account as Salesforce gave it. */
  readonly account: RestRecord;
}

const systemModstamp = required(dateTime("SystemModstamp"));

/**
 * Turns an account, and the records that belong to it by member of the customer, into our customer.
 * @throws ContractError when a field has the wrong type
 * @throws InvalidInputError when a value cannot be used; the record and the field are named, the value is not
 */
export function toCustomer(
  mapping: Mapping,
  { account, related }: { account: unknown; related: ReadonlyMap<string, RestRecord> },
  orgId: string,
): CustomerSnapshot {
  const record = asRecord(account);
  const members = Object.entries(mapping.related).map(([member, { entity, fields }]) => {
    const one = related.get(member);
    return [member, one ? readFields(entity, fields, one) : null];
  });
  const customer = {
    customerId: toLongId(String(record.Id)),
    orgId,
    ...setEmailApart(readFields(ACCOUNT, mapping.account, record)),
    ...Object.fromEntries(members),
  };
  const result = customerSchema.safeParse(customer);
  if (!result.success)
    throw new ContractError(
      "BAD_MAPPING",
      `Account ${customer.customerId} does not become a customer: ${describeIssues(result.error.issues)}. Correct ` +
        "functions/salesforce/mapping/fields.ts.",
    );
  return {
    customer: result.data,
    systemModstamp: readField(ACCOUNT, systemModstamp, record),
    relatedIds: [...related.values()].map(({ Id }) => toLongId(String(Id))),
    account: record,
  };
}

/** What is no e-mail address goes on under a name of its own: whoever reads `email` may rely on it. */
function setEmailApart(members: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { email } = members;
  if (typeof email !== "string" || emailSchema.safeParse(email).success) return members;
  return { ...members, email: null, unusableEmail: email };
}

function readFields(entity: string, fields: Readonly<Record<string, Field>>, record: RestRecord) {
  return Object.fromEntries(
    Object.entries(fields).map(([member, field]) => [member, readField(entity, field, record)]),
  );
}

/** Reads one field; its refusal says which record it is of and what to do. */
function readField<T>(entity: string, field: Field<T>, record: RestRecord): T {
  try {
    return field.read(record);
  } catch (error) {
    if (error instanceof InvalidInputError)
      throw new InvalidInputError(
        error.code,
        `${entity} ${record.Id}: ${error.message}. Correct it in Salesforce; the correction starts the sync again.`,
      );
    if (error instanceof ContractError)
      throw new ContractError(
        error.code,
        `${entity} ${record.Id}: ${error.message}. Give the field its type in functions/salesforce/mapping/fields.ts; ` +
          "npx fleet doctor finds such fields.",
      );
    throw error;
  }
}

function asRecord(snapshot: unknown): RestRecord {
  const record = (snapshot ?? {}) as RestRecord;
  if (typeof record === "object" && typeof record.Id === "string") return record;
  throw new ContractError("BAD_RECORD", "Salesforce gave an Account without an Id.");
}
