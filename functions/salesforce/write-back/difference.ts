import { canonicalValue, type WrittenName, type WrittenValues } from "./fields.ts";
import type { Outcome } from "./outcome.ts";

/**
 * What has to be written to make an account tell this outcome; undefined when it does already. The time is only brought
 * along: it moves when the state or the id does, or when something really changed, and never backwards.
 * @param current the account as Salesforce has it
 * @param changed whether store or billing got another content
 */
export function differenceOf(
  current: Readonly<Record<string, unknown>>,
  outcome: Outcome,
  changed: boolean,
): WrittenValues | undefined {
  const wanted: [WrittenName, string | null][] = [["Sync_State__c", outcome.state]];
  if (outcome.stripeCustomerId !== undefined) wanted.push(["Stripe_Customer_Id__c", outcome.stripeCustomerId]);
  const values = wanted.filter(([name, value]) => !isEqual(name, current[name], value));
  if (values.length === 0 && !changed) return undefined;
  // Salesforce keeps whole seconds.
  const time = new Date(Math.floor(outcome.endedAt / 1000) * 1000);
  if (isLater(time, current.Sync_Time__c)) values.push(["Sync_Time__c", time.toISOString()]);
  return values.length > 0 ? Object.fromEntries(values) : undefined;
}

function isEqual(name: WrittenName, a: unknown, b: unknown): boolean {
  return canonicalValue(name, a) === canonicalValue(name, b);
}

function isLater(time: Date, current: unknown): boolean {
  const known = canonicalValue("Sync_Time__c", current);
  return typeof known !== "number" || time.getTime() > known;
}
