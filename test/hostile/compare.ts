import { isDeepStrictEqual } from "node:util";
import type { ParkedItem, StoredItem } from "../support/fleet.ts";
import {
  type BillingCustomer,
  type BillingEvent,
  billingOf,
  contentOf,
  listAll,
  stateOf,
  type Watched,
} from "./billing.ts";
import type { TappedEvent } from "./fleet.ts";
import type { Ledger } from "./ledger.ts";
import type { PeoplesOrg } from "./org.ts";
import { readTruth, type TrueAccount, type TrueCustomer } from "./truth.ts";

/** Everything that there is at the end. */
interface World {
  readonly ledger: Ledger;
  readonly truth: ReadonlyMap<string, TrueAccount>;
  readonly stored: ReadonlyMap<string, StoredItem>;
  /** By account. */
  readonly billing: ReadonlyMap<string, readonly BillingCustomer[]>;
  readonly events: readonly BillingEvent[];
  readonly parked: readonly ParkedItem[];
  /** How often functions were killed. */
  readonly blows: number;
  /** Published versions by account, oldest version first; those of a deletion without customer. */
  readonly published: ReadonlyMap<string, readonly Published[]>;
}

interface Published {
  readonly version: string;
  readonly customer: TrueCustomer | undefined;
}

export interface Comparison {
  /** What is not as it must be: a line for each finding. */
  readonly problems: readonly string[];
  /** How many updates changed a customer in Stripe. */
  readonly billingChanges: number;
}

/** Looks at every system. */
export async function compare(
  fleet: Watched & { readonly blows: number; tapped(): Promise<readonly TappedEvent[]> },
  org: PeoplesOrg,
  ledger: Ledger,
): Promise<Comparison> {
  const truth = await readTruth(org);
  const stored = new Map((await fleet.current.stored()).map((item) => [item.customerId, item]));
  const customers = await listAll<BillingCustomer>(fleet, "customers");
  const events = await listAll<BillingEvent>(fleet, "events");
  const world: World = {
    ledger,
    truth,
    stored,
    billing: Map.groupBy(customers, ({ metadata }) => metadata.salesforce_account_id ?? "nobody"),
    events,
    parked: await fleet.current.parked(),
    blows: fleet.blows,
    published: publishedBy(await fleet.tapped()),
  };
  const ids = new Set([
    ...ledger.accounts.map(({ id }) => id),
    ...truth.keys(),
    ...stored.keys(),
    ...world.billing.keys(),
  ]);
  return {
    problems: [
      ...[...ids].flatMap((id) => compareAccount(id, world)),
      ...explainBehind(world),
      ...explainParked(world),
      ...countWrites(world),
    ],
    billingChanges: events.filter(({ type }) => type === "customer.updated").length,
  };
}

function compareAccount(id: string, world: World): string[] {
  const account = world.truth.get(id);
  const item = world.stored.get(id);
  const billed = world.billing.get(id) ?? [];
  if (!world.ledger.accounts.some((known) => known.id === id)) return [`${id}: nobody made this account`];
  if (billed.length > 1) return [`${id}: ${billed.length} customers in Stripe`];
  if (!account || account.deleted) return compareGone(id, item, billed[0]);
  return compareEqual(account, account.customer, world);
}

/** A deleted account; one that was gone before anybody saw it need not be known. */
function compareGone(id: string, item: StoredItem | undefined, billed: BillingCustomer | undefined): string[] {
  const problems = item && item.deleted !== true ? [`${id}: deleted, but not in the store`] : [];
  if (billed && billed.metadata.archived !== "true") problems.push(`${id}: deleted, but not archived in Stripe`);
  return problems;
}

function compareEqual(account: TrueAccount, customer: TrueCustomer, world: World): string[] {
  const { id, syncState, stripeCustomerId } = account;
  const problems = compareContent(id, customer, world);
  const linked = world.billing.get(id)?.[0]?.id;
  if (syncState !== stateOf(customer)) problems.push(`${id}: Sync_State__c is ${syncState}`);
  if (stripeCustomerId !== linked) problems.push(`${id}: Stripe_Customer_Id__c is ${stripeCustomerId}, not ${linked}`);
  return problems;
}

/** Store and billing against what they must hold. */
function compareContent(id: string, customer: TrueCustomer, { stored, billing }: World): string[] {
  const item = stored.get(id);
  if (!item) return [`${id}: not in the store`];
  const problems: string[] = [];
  const say = (what: string, is: unknown, mustBe: unknown) => {
    if (!isDeepStrictEqual(is, mustBe))
      problems.push(`${id}: ${what} is ${JSON.stringify(is)}, not ${JSON.stringify(mustBe)}`);
  };
  say("the store's tombstone", item.deleted, false);
  say("the store", item.customer, customer);
  const billed = billing.get(id)?.[0];
  if (!billed) return [...problems, `${id}: not in Stripe`];
  say("the store's link", (item.links as { stripe?: { id: string } }).stripe?.id, billed.id);
  say("Stripe", contentOf(billed), billingOf(customer));
  return problems;
}

/** Nobody waits for a target any more. */
function explainBehind({ stored }: World): string[] {
  return [...stored.values()].flatMap(({ customerId, behindKey, billingBehind, salesforceBehind }) =>
    behindKey ? [`${customerId}: behind ${behindKey}: ${JSON.stringify(billingBehind ?? salesforceBehind)}`] : [],
  );
}

/** Nothing is parked but what no try can bring any further. */
function explainParked({ parked, truth, blows }: World): string[] {
  const [crashed, others] = partition(parked, ({ errorName }) => errorName === "ConsumerCrashed");
  // Whatever ended two runs alone is parked as promised; that all is in step nevertheless is compared above.
  const tooMany = crashed.length > blows / 2 ? [`${crashed.length} parked as crashed after ${blows} blows`] : [];
  const needless = others.flatMap(({ hop, errorName, errorMessage }) => {
    const ids = [...new Set(errorMessage.match(/\b00[13]\w{15}\b/g) ?? [])];
    const isGone = (id: string) => /recycle bin/.test(errorMessage) && !truth.has(id);
    if (ids.length > 0 && ids.every(isGone)) return [];
    return [`parked without need at ${hop}: ${errorName}: ${errorMessage.slice(0, 300)}`];
  });
  return [...tooMany, ...needless];
}

function partition<T>(items: readonly T[], test: (item: T) => boolean): [T[], T[]] {
  return [items.filter(test), items.filter((item) => !test(item))];
}

/** Billing was written no more often than there was something new to write. */
function countWrites({ events, published, ledger }: World): string[] {
  const problems: string[] = [];
  const byAccount = Map.groupBy(events, ({ data }) => data.object.metadata.salesforce_account_id ?? "nobody");
  for (const [id, some] of byAccount) {
    const created = some.filter(({ type }) => type === "customer.created").length;
    const wanted = 1 + ledger.buried.filter((one) => one === id).length;
    if (created !== wanted) problems.push(`${id}: created ${created} times in Stripe`);
    const updates = some.filter(({ type }) => type === "customer.updated");
    const idle = updates.filter(({ data }) => Object.keys(data.previous_attributes ?? {}).length === 0);
    if (idle.length > 0) problems.push(`${id}: ${idle.length} updates in Stripe changed nothing`);
    const most = contentsOf(published.get(id) ?? []);
    if (updates.length > most)
      problems.push(
        `${id}: ${updates.length} updates in Stripe for ${most} contents:\n${history(updates, published.get(id) ?? [])}`,
      );
  }
  return problems;
}

/** What was written and what was published, the oldest first, for whoever has to find out why. */
function history(updates: readonly BillingEvent[], versions: readonly Published[]): string {
  const written = updates
    .toReversed()
    .map(({ created, data }) => `  written ${created} over ${JSON.stringify(data.previous_attributes)}`);
  const published = versions.map(({ version, customer }) => `  published ${version} ${JSON.stringify(customer)}`);
  return [...written, ...published].join("\n");
}

/** How often the content changed over the versions, as far as billing shows it. */
function contentsOf(versions: readonly Published[]): number {
  const contents = versions.map(({ customer }) => (customer ? billingOf(customer) : "archived"));
  return contents.filter((content, index) => index === 0 || !isDeepStrictEqual(content, contents[index - 1])).length;
}

function publishedBy(events: readonly TappedEvent[]): Map<string, Published[]> {
  const changes = events.filter((event) => /^customer\.(changed|deleted)$/.test(event["detail-type"]));
  const byAccount = Map.groupBy(changes, ({ detail }) => detail.data.customer?.customerId ?? detail.data.customerId);
  const sorted = [...byAccount].map(([id, some]): [string, Published[]] => [
    id,
    some
      .map(({ detail }) => ({ version: detail.data.version, customer: detail.data.customer }))
      .sort((a, b) => (a.version < b.version ? -1 : 1)),
  ]);
  return new Map(sorted);
}
