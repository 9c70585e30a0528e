import { seededRandom } from "../../front/faults.ts";
import { unticked, withName } from "../dml/checks.ts";
import type { ObjectType } from "../fields.ts";
import { accountType } from "../objects/account.ts";
import { contactType } from "../objects/people.ts";
import type { Org } from "../org.ts";
import type { StoredRecord } from "../state.ts";
import { toSecond, type Value } from "../values.ts";
import * as words from "./words.ts";

export interface Generation {
  readonly accounts: number;
  /** Spread over the accounts in turn. */
  readonly contacts: number;
  readonly seed: number;
}

/** How many records are put in place at once. */
const BATCH = 1000;
/** The modstamps of what is generated lie between these two ages. */
const OLDEST_MS = 3 * 365 * 24 * 3600 * 1000;
const YOUNGEST_MS = 3600 * 1000;

/** Makes many records without events, the same ones for the same seed. @returns how many of each */
export function generateRecords(org: Org, { accounts, contacts, seed }: Generation, userId: string): Generation {
  const random = seededRandom(seed);
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)] as Item;
  const first = org.store.sequence(accountType.keyPrefix);
  const accountIds: string[] = [];
  insert(org, accountType, accounts, userId, random, (index, id) => {
    accountIds.push(id);
    return accountFields(first + index, random, pick);
  });
  insert(org, contactType, accountIds.length > 0 ? contacts : 0, userId, random, (index) => ({
    ...contactFields(index, pick),
    AccountId: accountIds[index % accountIds.length] ?? null,
  }));
  return { accounts, contacts, seed };
}

function insert(
  org: Org,
  type: ObjectType,
  count: number,
  userId: string,
  random: () => number,
  fieldsOf: (index: number, id: string) => StoredRecord,
): void {
  const boxes = unticked(type);
  const now = org.now();
  for (let start = 0; start < count; start += BATCH) {
    const batch: StoredRecord[] = [];
    for (let index = start; index < Math.min(count, start + BATCH); index += 1) {
      const id = org.newId(type);
      const age = YOUNGEST_MS + random() * (OLDEST_MS - YOUNGEST_MS);
      const modified = toSecond(now - age);
      const record = {
        ...boxes,
        OwnerId: userId,
        ...fieldsOf(index, id),
        Id: id,
        IsDeleted: false,
        CreatedDate: toSecond(now - age - random() * OLDEST_MS),
        CreatedById: userId,
        LastModifiedDate: modified,
        LastModifiedById: userId,
        SystemModstamp: modified,
      };
      batch.push(withName(type, record));
    }
    org.place(type, batch);
  }
}

/** No two accounts of an org have the same name, number, phone, site or address to send bills to. */
function accountFields(
  number: number,
  random: () => number,
  pick: <Item>(items: readonly Item[]) => Item,
): Record<string, Value> {
  const name = companyName(number);
  const slug = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/-$/, "");
  const [city, state, country] = pick(words.CITIES);
  return {
    Name: name,
    AccountNumber: `A-${String(number + 1).padStart(7, "0")}`,
    Phone: `+1 555 ${String(1_000_000 + number).replace(/(\d{3})(\d+)/, "$1 $2")}`,
    Website: `https://${slug}.example`,
    Billing_Email__c: `billing@${slug}.example`,
    Industry: pick(words.INDUSTRIES),
    Plan__c: pick(words.PLANS),
    NumberOfEmployees: Math.ceil(10 ** (random() * 4)),
    AnnualRevenue: Math.round(10 ** (5 + random() * 4)),
    Credit_Limit__c: Math.round(random() * 100) * 1000,
    BillingStreet: `${Math.ceil(random() * 199)} ${pick(words.STREETS)} Street`,
    BillingCity: city,
    BillingState: state,
    BillingPostalCode: String(10_000 + Math.floor(random() * 89_999)),
    BillingCountry: country,
  };
}

function contactFields(index: number, pick: <Item>(items: readonly Item[]) => Item): Record<string, Value> {
  const [FirstName, LastName] = [pick(words.FIRST_NAMES), pick(words.LAST_NAMES)];
  return { FirstName, LastName, Email: `${FirstName}.${LastName}.${index + 1}@mail.example`.toLowerCase() };
}

/** Walks through all combinations of words in a scattered order; past the last one the names get a number. */
function companyName(number: number): string {
  const { FIRST_WORDS, SECOND_WORDS, SUFFIXES } = words;
  const all = FIRST_WORDS.length * SECOND_WORDS.length * SUFFIXES.length;
  const scattered = ((number % all) * 7_919) % all;
  const [suffix, rest] = [scattered % SUFFIXES.length, Math.floor(scattered / SUFFIXES.length)];
  const name = `${FIRST_WORDS[rest % FIRST_WORDS.length]} ${SECOND_WORDS[Math.floor(rest / FIRST_WORDS.length)]} ${SUFFIXES[suffix]}`;
  const round = Math.floor(number / all);
  return round === 0 ? name : `${name} ${round + 1}`;
}
