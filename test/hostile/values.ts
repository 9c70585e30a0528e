import type { Random } from "./random.ts";

const WORDS = ["Acme", "Borealis", "Cobalt", "Dune", "Ember", "Fjord", "Garnet", "Harbor", "Ionia", "Juniper"];
const CITIES = ["Berlin", "Porto", "Łódź", "São Paulo", "Reno"];
// The last two are no countries: billing keeps them as they are.
const COUNTRIES = ["Germany", "DE", "usa", "Brazil", "United Kingdom", "Atlantis", "Freedonia"];
const PLANS = ["Free", "Starter", "Team", "Business", "Enterprise"];

/** What Salesforce takes for an e-mail address and nobody else does: two dots in a row. */
export const UNUSABLE_EMAIL = /\.\./;

export const nameOf = (random: Random) => `${random.pick(WORDS)} ${random.pick(WORDS)} ${random.between(0, 1000)}`;
export const phoneOf = (random: Random) => `+1 555 ${String(random.between(0, 10_000)).padStart(4, "0")}`;
export const emailOf = (random: Random) =>
  `desk${random.chance(0.1) ? ".." : ""}${random.between(0, 1000)}@example.com`;
export const planOf = (random: Random) => (random.chance(0.1) ? null : random.pick(PLANS));

/** Some parts of a billing address; now and then all of them are emptied. */
export function addressOf(random: Random): Record<string, string | null> {
  const parts = {
    BillingStreet: `${random.between(1, 99)} Main Street${random.chance(0.3) ? "\nBuilding 2\nFloor 3" : ""}`,
    BillingCity: random.pick(CITIES),
    BillingState: random.pick(["NV", "SP", "BE"]),
    BillingPostalCode: String(random.between(10_000, 99_999)),
    BillingCountry: random.pick(COUNTRIES),
  };
  if (random.chance(0.1)) return Object.fromEntries(Object.keys(parts).map((name) => [name, null]));
  return Object.fromEntries(random.some(Object.entries(parts), random.between(1, 6)));
}

/** What one edit changes; `Industry` and `Description` are no part of the customer. */
export function accountEdit(random: Random): Record<string, string | null> {
  const edits = [
    () => ({ Name: nameOf(random) }),
    () => ({ Phone: random.chance(0.1) ? null : phoneOf(random) }),
    () => ({ Billing_Email__c: random.chance(0.1) ? null : emailOf(random) }),
    () => ({ Plan__c: planOf(random) }),
    () => addressOf(random),
    () => ({ Industry: random.pick(["Energy", "Media", "Retail"]) }),
    () => ({ Description: `Seen ${random.between(0, 1000)}` }),
    () => ({ Name: nameOf(random), Plan__c: planOf(random), Industry: "Banking" }),
  ];
  return random.pick(edits)();
}

export function contactEdit(random: Random): Record<string, string | null> {
  const edits = [
    () => ({ Phone: phoneOf(random) }),
    () => ({ Email: random.chance(0.1) ? null : emailOf(random) }),
    () => ({ LastName: random.pick(WORDS) }),
    () => ({ Title: "Accounts payable" }),
  ];
  return random.pick(edits)();
}

export function newContact(random: Random, AccountId: string | null) {
  return {
    LastName: random.pick(WORDS),
    FirstName: random.chance(0.5) ? random.pick(WORDS) : null,
    Email: emailOf(random),
    Phone: phoneOf(random),
    AccountId,
    Is_Billing_Contact__c: random.chance(0.5),
  };
}
