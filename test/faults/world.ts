import type { TappedEvent } from "../hostile/fleet.ts";
import { tapResources } from "../hostile/fleet.ts";
import { Ledger } from "../hostile/ledger.ts";
import type { PeoplesOrg as Org } from "../hostile/org.ts";
import { PeoplesOrg } from "../hostile/org.ts";
import { type ParkedItem, packagedTemplate, startTestFleet, type TestFleet } from "../support/fleet.ts";
import { untilQuiet } from "../support/wait.ts";
import { type Hop, hopsOf } from "./hops.ts";

/** Waits within a run are shorter by this; more, and a busy machine would not keep up with the reconciler's minutes. */
const SCALE = 10;
/** Real time in which everybody has done what was due, on a busy machine too. */
const PATIENCE_MS = 20_000;
const STRIPE_RATE = 25;
/** Customers of each kind of change; a breaker opens for three. */
const EACH = 3;
const ENDED = new Set(["done", "superseded", "discarded"]);

/** What messages hold that nobody can read. */
export const POISON = "poisonous";

/** A fleet, and what people have done in its Salesforce. */
export interface World {
  readonly current: TestFleet;
  readonly org: Org;
  readonly ledger: Ledger;
  readonly hops: readonly Hop[];
  /** Accounts that were made by the last run, and those that were changed by it. */
  young: string[];
  old: string[];
  /** How often all working functions were killed at random. */
  blows: number;
  /** A number that no name has had yet. */
  next(): number;
  /** Open parked work. */
  parked(): Promise<ParkedItem[]>;
  tapped(): Promise<readonly TappedEvent[]>;
  stop(): Promise<void>;
}

interface Configured {
  readonly Environment?: { readonly Variables?: Record<string, unknown> };
}

/** Boots a fleet with a tap on its bus, and brings the first accounts through it. */
export async function startWorld(): Promise<World> {
  const template = await packagedTemplate();
  const hops = hopsOf(template.Resources);
  Object.assign(template.Resources, tapResources());
  for (const { Properties } of Object.values<{ Properties?: Configured }>(template.Resources)) {
    const variables = Properties?.Environment?.Variables;
    // Nobody looks at traces, which cost as much as the work.
    if (variables?.TRACE_SAMPLE_RATE !== undefined) variables.TRACE_SAMPLE_RATE = "0";
  }
  const fleet = await startTestFleet({ clockScale: SCALE, template });
  await fetch(`${fleet.saas.stripe.url}/__emulator__/config`, {
    method: "POST",
    body: JSON.stringify({ ratePerEndpoint: STRIPE_RATE * SCALE }),
  });
  let count = 0;
  const events: TappedEvent[] = [];
  const parked = async () =>
    (await fleet.parked()).filter((item) => !ENDED.has((item as { status?: string }).status ?? "parked"));
  // What nobody can read is counted by whoever sent it.
  const sane = async () => (await parked()).filter(({ input }) => !input.includes(POISON));
  const world: World = {
    current: { ...fleet, parked: sane },
    org: new PeoplesOrg(fleet.saas.salesforce),
    ledger: new Ledger(),
    hops,
    blows: 0,
    young: [],
    old: [],
    next: () => {
      count += 1;
      return count;
    },
    parked,
    async tapped() {
      events.push(...(await emptyTap(fleet)));
      return events;
    },
    stop: () => fleet.stop(),
  };
  // The first catch-up only finds where the feed is.
  await fleet.request("catch-up.requested", { graceSeconds: 0 });
  world.old = await createAccounts(world);
  world.young = await createAccounts(world);
  await settle(world);
  return world;
}

/** Makes accounts, as people do. @returns their ids */
export async function createAccounts(world: World, count = EACH): Promise<string[]> {
  const ids: string[] = [];
  for (let made = 0; made < count; made += 1) {
    const number = world.next();
    const record = { Name: `Account ${number}`, Phone: `+1 555 ${String(number).padStart(4, "0")}` };
    const { ok, body } = await world.org.call("ada", "POST", "sobjects/Account", record);
    if (!ok) throw new Error(`Salesforce refused an account: ${JSON.stringify(body)}`);
    const { id } = body as { id: string };
    world.ledger.addAccount(id);
    ids.push(id);
  }
  return ids;
}

/** Gives each account a name and then a telephone number that it never had. */
export async function updateAccounts(world: World, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    const number = world.next();
    await edit(world, id, { Name: `Renamed ${number}` });
    await edit(world, id, { Phone: `+1 555 ${String(number).padStart(4, "0")}` });
  }
}

async function edit({ org }: World, id: string, fields: object): Promise<void> {
  const { ok, body } = await org.call("ada", "PATCH", `sobjects/Account/${id}`, fields);
  if (!ok) throw new Error(`Salesforce refused an edit: ${JSON.stringify(body)}`);
}

export async function deleteAccounts({ org, ledger }: World, ids: readonly string[]): Promise<void> {
  for (const id of ids) {
    const { ok, body } = await org.call("ada", "DELETE", `sobjects/Account/${id}`);
    if (!ok) throw new Error(`Salesforce refused a deletion: ${JSON.stringify(body)}`);
    const account = ledger.accounts.find((known) => known.id === id);
    if (account) account.state = "binned";
  }
}

/** Waits until every function has ended and nothing happens for a moment, or for so many real milliseconds. */
export async function settle({ current: { kernel } }: World, mostMs = PATIENCE_MS): Promise<void> {
  const began = performance.now();
  do await untilQuiet(kernel, mostMs);
  while (kernel.underWay("lambda", "Invoke") > 0 && performance.now() - began < mostMs);
}

/** Lets time pass, and everybody do what was due. */
export async function pass(world: World, seconds: number, mostMs = PATIENCE_MS): Promise<void> {
  world.current.clock.advance(seconds * 1000);
  await settle(world, mostMs);
}

async function emptyTap(fleet: TestFleet): Promise<TappedEvent[]> {
  const QueueUrl = fleet.ref("HostileTap");
  const events: TappedEvent[] = [];
  for (;;) {
    const { Messages = [] } = await fleet.aws<{ Messages?: { Body: string; ReceiptHandle: string }[] }>(
      "sqs",
      "ReceiveMessage",
      { QueueUrl, MaxNumberOfMessages: 10 },
    );
    if (Messages.length === 0) return events;
    events.push(...Messages.map(({ Body }) => JSON.parse(Body) as TappedEvent));
    const Entries = Messages.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle }));
    await fleet.aws("sqs", "DeleteMessageBatch", { QueueUrl, Entries });
  }
}
