/** What the generator knows of an account that it made. The org alone is the truth. */
export interface KnownAccount {
  readonly id: string;
  state: "alive" | "binned" | "merged" | "purged";
  /** Number of the operation that deleted it last. */
  deletedAt: number;
}

export interface KnownContact {
  readonly id: string;
  accountId: string | null;
  state: "alive" | "binned" | "with-account" | "purged";
  isBilling: boolean;
}

/** Everything that the operations made. */
export class Ledger {
  readonly accounts: KnownAccount[] = [];
  readonly contacts: KnownContact[] = [];
  /** Accounts whose customer somebody deleted in Stripe, once for each time. */
  readonly buried: string[] = [];

  alive(): KnownAccount[] {
    return this.accounts.filter(({ state }) => state === "alive");
  }

  addAccount(id: string): void {
    this.accounts.push({ id, state: "alive", deletedAt: 0 });
  }

  addContact(id: string, accountId: string | null, isBilling: boolean): void {
    this.contacts.push({ id, accountId, state: "alive", isBilling });
  }

  contactsOf(accountId: string): KnownContact[] {
    return this.contacts.filter((contact) => contact.accountId === accountId);
  }

  delete(account: KnownAccount, at: number): void {
    account.state = "binned";
    account.deletedAt = at;
    for (const contact of this.contactsOf(account.id)) if (contact.state === "alive") contact.state = "with-account";
  }

  undelete(account: KnownAccount): void {
    account.state = "alive";
    for (const contact of this.contactsOf(account.id)) if (contact.state === "with-account") contact.state = "alive";
  }

  merge(master: KnownAccount, losers: readonly KnownAccount[], at: number): void {
    for (const loser of losers) {
      for (const contact of this.contactsOf(loser.id)) if (contact.state === "alive") contact.accountId = master.id;
      loser.state = "merged";
      loser.deletedAt = at;
    }
  }
}
