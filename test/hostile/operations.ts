import type { KnownAccount, KnownContact, Ledger } from "./ledger.ts";
import type { PeoplesOrg, User } from "./org.ts";
import type { Random } from "./random.ts";
import { accountEdit, addressOf, contactEdit, emailOf, nameOf, newContact, phoneOf, planOf } from "./values.ts";

/** What an operation works with. */
export interface Stage {
  readonly org: PeoplesOrg;
  readonly ledger: Ledger;
  readonly random: Random;
  /** Number of the operation. */
  readonly at: number;
  readonly user: User;
}

type Operation = (stage: Stage) => Promise<unknown>;

const FIRST_ACCOUNTS = 40;
const MAX_ACCOUNTS = 90;
/** Operations between a deletion and the emptying of the bin: the event has gone out by then, if it ever does. */
const BIN_AGE = 100;

const createAccount: Operation = async ({ org, ledger, random, user }) => {
  const record = {
    Name: nameOf(random),
    Phone: phoneOf(random),
    Billing_Email__c: emailOf(random),
    Plan__c: planOf(random),
  };
  const { ok, body } = await org.call(user, "POST", "sobjects/Account", { ...record, ...addressOf(random) });
  if (ok) ledger.addAccount((body as { id: string }).id);
};

const edit = async ({ org, user }: Stage, entity: "Account" | "Contact", id: string, fields: object) => {
  const { ok } = await org.call(user, "PATCH", `sobjects/${entity}/${id}`, fields);
  return ok;
};

const editAccount: Operation = (stage) =>
  onAccount(stage, ({ id }) => edit(stage, "Account", id, accountEdit(stage.random)));

const editTwice: Operation = (stage) =>
  onAccount(stage, async ({ id }) => {
    await edit(stage, "Account", id, { Phone: phoneOf(stage.random) });
    await edit(stage, "Account", id, accountEdit(stage.random));
  });

/** The same change to many records becomes one event that names them all. */
const editMany: Operation = ({ org, ledger, random, user }) => {
  const change = random.pick<object>([{ Phone: phoneOf(random) }, { Plan__c: planOf(random) }, { Industry: "Energy" }]);
  const records = random
    .some(ledger.alive(), random.between(2, 30))
    .map(({ id }) => ({ attributes: { type: "Account" }, id, ...change }));
  return org.call(user, "PATCH", "composite/sobjects", { allOrNone: random.chance(0.5), records });
};

/** By the very call of the write-back, and by its name; yet it is no echo. */
const editAsUs: Operation = ({ org, ledger, random }) => {
  const changes = [
    () => ({ Phone: phoneOf(random) }),
    () => ({ Sync_Time__c: new Date(0).toISOString(), Name: nameOf(random) }),
    () => ({ Sync_State__c: "synced", Plan__c: planOf(random) }),
  ];
  const records = random
    .some(ledger.alive(), random.between(1, 4))
    .map(({ id }) => ({ attributes: { type: "Account" }, id, ...random.pick<() => object>(changes)() }));
  return org.call("us", "PATCH", "composite/sobjects", { allOrNone: false, records });
};

const editWrittenFields: Operation = (stage) => {
  const { random } = stage;
  const broken = [
    { Sync_State__c: null },
    { Sync_State__c: "checked by hand" },
    { Stripe_Customer_Id__c: null },
    { Stripe_Customer_Id__c: `cus_wrong${stage.at}` },
    { Sync_State__c: null, Stripe_Customer_Id__c: null, Sync_Time__c: null },
  ];
  return onAccount(stage, ({ id }) => edit(stage, "Account", id, random.pick<object>(broken)));
};

const deleteAccount: Operation = (stage) =>
  onAccount(stage, async (account) => {
    const { ok } = await stage.org.call(stage.user, "DELETE", `sobjects/Account/${account.id}`);
    if (ok) stage.ledger.delete(account, stage.at);
  });

const undeleteAccount: Operation = async ({ org, ledger, random }) => {
  const binned = ledger.accounts.filter(({ state }) => state === "binned");
  if (binned.length === 0) return;
  const account = random.pick(binned);
  if ((await org.control("undelete", { id: account.id })).ok) ledger.undelete(account);
};

const mergeAccounts: Operation = async ({ org, ledger, random, at }) => {
  const [master, ...losers] = random.some(ledger.alive(), random.between(2, 4));
  if (!master || losers.length === 0) return;
  const ids = { masterId: master.id, loserIds: losers.map(({ id }) => id) };
  if ((await org.control("merge-accounts", ids)).ok) ledger.merge(master, losers, at);
};

const purgeAccounts: Operation = async ({ org, ledger, random, at }) => {
  const old = ledger.accounts.filter(({ state, deletedAt }) => /binned|merged/.test(state) && at - deletedAt > BIN_AGE);
  if (old.length === 0) return;
  const account = random.pick(old);
  const contacts = ledger.contactsOf(account.id).filter(({ state }) => state === "with-account");
  const gone = [account, ...contacts];
  if ((await org.control("empty-recycle-bin", { ids: gone.map(({ id }) => id) })).ok)
    for (const record of gone) record.state = "purged";
};

const convertLead: Operation = async ({ org, ledger, random, user }) => {
  const lead = { LastName: "Lead", Company: nameOf(random), Phone: phoneOf(random), Email: emailOf(random) };
  const { ok, body } = await org.call(user, "POST", "sobjects/Lead", lead);
  if (!ok) return;
  const opportunity = random.chance(0.5) ? { opportunityName: "First order" } : {};
  const converted = await org.control("convert-lead", { leadId: (body as { id: string }).id, ...opportunity });
  const { accountId, contactId } = converted.body as { accountId: string; contactId: string };
  ledger.addAccount(accountId);
  ledger.addContact(contactId, accountId, false);
};

const createContact: Operation = async ({ org, ledger, random, user }) => {
  const accountId = random.chance(0.1) ? null : random.pick(ledger.alive()).id;
  const contact = newContact(random, accountId);
  const { ok, body } = await org.call(user, "POST", "sobjects/Contact", contact);
  if (ok) ledger.addContact((body as { id: string }).id, accountId, contact.Is_Billing_Contact__c);
};

const editContact: Operation = (stage) =>
  onContact(stage, ({ id }) => edit(stage, "Contact", id, contactEdit(stage.random)));

const moveContact: Operation = (stage) =>
  onContact(stage, async (contact) => {
    const AccountId = stage.random.chance(0.1) ? null : stage.random.pick(stage.ledger.alive()).id;
    if (await edit(stage, "Contact", contact.id, { AccountId })) contact.accountId = AccountId;
  });

const switchBilling: Operation = (stage) =>
  onContact(stage, async (contact) => {
    if (await edit(stage, "Contact", contact.id, { Is_Billing_Contact__c: !contact.isBilling }))
      contact.isBilling = !contact.isBilling;
  });

const deleteContact: Operation = (stage) =>
  onContact(stage, async (contact) => {
    if ((await stage.org.call(stage.user, "DELETE", `sobjects/Contact/${contact.id}`)).ok) contact.state = "binned";
  });

const undeleteContact: Operation = async ({ org, ledger, random }) => {
  const alive = new Set(ledger.alive().map(({ id }) => id));
  const binned = ledger.contacts.filter(
    ({ state, accountId }) => state === "binned" && (accountId === null || alive.has(accountId)),
  );
  if (binned.length === 0) return;
  const contact = random.pick(binned);
  if ((await org.control("undelete", { id: contact.id })).ok) contact.state = "alive";
};

const CHOICES: readonly (readonly [number, Operation])[] = [
  [30, editAccount],
  [6, editTwice],
  [3, editMany],
  [5, editAsUs],
  [3, editWrittenFields],
  [4, createAccount],
  [4, deleteAccount],
  [4, undeleteAccount],
  [1, mergeAccounts],
  [2, purgeAccounts],
  [2, convertLead],
  [8, createContact],
  [8, editContact],
  [6, moveContact],
  [6, switchBilling],
  [3, deleteContact],
  [3, undeleteContact],
];

/** Does one operation, which the seed chooses. */
export async function operate(stage: Stage): Promise<void> {
  const alive = stage.ledger.alive().length;
  if (stage.at < FIRST_ACCOUNTS || alive < FIRST_ACCOUNTS) await createAccount(stage);
  else if (alive > MAX_ACCOUNTS) await deleteAccount(stage);
  else await stage.random.weighted(CHOICES)(stage);
}

function onAccount(stage: Stage, work: (account: KnownAccount) => Promise<unknown>): Promise<unknown> {
  return work(stage.random.pick(stage.ledger.alive()));
}

async function onContact(stage: Stage, work: (contact: KnownContact) => Promise<unknown>): Promise<unknown> {
  const alive = stage.ledger.contacts.filter(({ state }) => state === "alive");
  return alive.length > 0 ? work(stage.random.pick(alive)) : createContact(stage);
}
