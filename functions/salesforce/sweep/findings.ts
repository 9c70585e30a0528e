import type { Customer } from "#shared/contracts/customer.ts";
import type { CustomerRecord } from "#shared/customer-record.ts";
import type { Unusable } from "./park.ts";

/** A customer that differs, and the event that makes it equal. */
export interface Repair {
  readonly kind: "missing" | "different" | "deleted";
  readonly customerId: string;
  readonly version: string;
  /** What is true now; undefined when the account is deleted. */
  readonly customer: Customer | undefined;
  /** When the account became so, epoch milliseconds. */
  readonly happenedAt: number;
}

/** A customer whose content is equal, although its record has moved. */
export interface EqualCustomer {
  readonly customer: Customer;
  readonly version: string;
  readonly happenedAt: number;
  readonly stored: CustomerRecord;
}

/** What one page of a sweep has brought to light. */
export interface Findings {
  /** Records looked at. */
  readonly compared: number;
  readonly repairs: readonly Repair[];
  readonly equal: readonly EqualCustomer[];
  /** What the store has of those that were looked at: a target may be behind, equal though the content is. */
  readonly stored: readonly CustomerRecord[];
  /** Customers that cannot be compared, and why. */
  readonly unusable: readonly Unusable[];
  /** Customers whose account is neither there nor in any list of what was deleted. */
  readonly unexplained: readonly string[];
}

export const NO_FINDINGS: Findings = { compared: 0, repairs: [], equal: [], stored: [], unusable: [], unexplained: [] };
