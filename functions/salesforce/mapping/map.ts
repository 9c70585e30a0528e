import { z } from "zod";
import { type Address, type Customer, customerSchema } from "#shared/contracts/customer.ts";
import { ContractError, InvalidInputError } from "#shared/errors.ts";
import { describeIssues } from "#shared/issues.ts";
import { toLongId } from "../org/ids.ts";

/** Fields of Account that make a customer. */
export const ACCOUNT_FIELDS = [
  "Id",
  "Name",
  "Billing_Email__c",
  "Phone",
  "BillingAddress",
  "Plan__c",
  "SystemModstamp",
] as const;

/** Salesforce leaves an empty field out or sends `null`; people leave blanks. All of it is "no value". */
const text = z
  .string({ error: "must be a text" })
  .nullish()
  .transform((value) => value?.trim() || null);

/** The compound field of REST, in lower camel case; codes are there when the org uses country picklists. */
const compoundSchema = z.looseObject({
  street: text,
  city: text,
  state: text,
  postalCode: text,
  country: text,
  countryCode: text,
});

/** An Account as REST gives it. https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_account.htm */
const accountSchema = z.looseObject({
  Id: z.string(),
  SystemModstamp: z.string().refine((value) => !Number.isNaN(Date.parse(value)), "must be a date"),
  Name: text,
  Billing_Email__c: text,
  Phone: text,
  Plan__c: text,
  BillingAddress: compoundSchema.nullish(),
  BillingStreet: text,
  BillingCity: text,
  BillingState: text,
  BillingPostalCode: text,
  BillingCountry: text,
});

/** A customer and when Salesforce last touched its record. */
export interface MappedAccount {
  readonly customer: Customer;
  readonly systemModstamp: string;
}

/**
 * Turns an Account snapshot into our customer. A missing e-mail is `null`; a malformed one is refused, because dropping
 * it would erase the good one that billing has.
 * @throws ContractError when a field has the wrong type
 * @throws InvalidInputError when a value cannot be used; the field is named, its value is not
 */
export function toCustomer(snapshot: unknown, orgId: string): MappedAccount {
  const result = accountSchema.safeParse(snapshot);
  if (!result.success)
    throw new ContractError("BAD_ACCOUNT", `Account has another shape: ${describeIssues(result.error.issues)}`);
  const account = result.data;
  const customerId = toLongId(account.Id);
  if (account.Name === null) throw unusable(customerId, "Name", "is empty");
  const email = account.Billing_Email__c;
  if (!customerSchema.shape.email.safeParse(email).success)
    throw unusable(customerId, "Billing_Email__c", "is not an e-mail address");
  return {
    systemModstamp: account.SystemModstamp,
    customer: {
      customerId,
      orgId,
      name: account.Name,
      email,
      phone: account.Phone,
      address: toAddress(account),
      plan: account.Plan__c,
    },
  };
}

function toAddress(account: z.infer<typeof accountSchema>): Address | null {
  const compound = account.BillingAddress;
  const address: Address = {
    street: compound?.street ?? account.BillingStreet,
    city: compound?.city ?? account.BillingCity,
    state: compound?.state ?? account.BillingState,
    postalCode: compound?.postalCode ?? account.BillingPostalCode,
    country: compound?.countryCode ?? compound?.country ?? account.BillingCountry,
  };
  return Object.values(address).some((part) => part !== null) ? address : null;
}

function unusable(customerId: string, field: string, problem: string): InvalidInputError {
  return new InvalidInputError(
    "BAD_FIELD",
    `Account ${customerId}: ${field} ${problem}. Correct it in Salesforce; the correction starts the sync again.`,
  );
}
