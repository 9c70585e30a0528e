import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { TransientError } from "#shared/errors.ts";
import { createStateTable, type StateTable } from "#shared/state-table.ts";
import { startTable } from "#shared/testing/dynamo.ts";
import { keys } from "../org/keys.ts";
import { ACCOUNT, account, COMMIT, CONTACT, changeOf, contact, ORG, OTHER_ACCOUNT } from "../testing.ts";
import { type CaptureDependencies, captureChanges } from "./capture-changes.ts";
import type { ChangeEvent } from "./cdc.ts";
import { readOwners, rememberOwners } from "./owners.ts";
import { deliveries, idOf, setUp, summary } from "./testing.ts";

const [A, B, D] = [ACCOUNT, OTHER_ACCOUNT, "0015f00002J9YYFAA3"];
const KEY = keys.related(ORG, CONTACT);

let state: StateTable;
let close: () => Promise<void>;

beforeAll(async () => {
  const table = await startTable("owners-test", "key");
  state = createStateTable("owners-test", { client: table.client });
  close = table.close;
});

afterAll(() => close());

const ownedBy = (accountId: string) => [{ recordId: CONTACT, accountId }];
const context = (...settled: string[]) => ({ orgId: ORG, settled: new Set(settled) });
const kept = async () => (await readOwners(state, ORG, [CONTACT])).get(CONTACT);

/** A move of the contact to an account, as its event tells it. */
function moveTo(accountId: string, n: number): ChangeEvent {
  const members = { entityName: "Contact", recordIds: [CONTACT], transactionKey: `${n}`, changedFields: ["AccountId"] };
  const change = changeOf({ ...members, commitTimestamp: COMMIT + n });
  return { ...change, changedValues: new Map([["AccountId", accountId]]) };
}

describe("owners of a related record", () => {
  test("that somebody else writes at the same time are not written over", async () => {
    await rememberOwners(state, ownedBy(A), context(A));
    let interrupt = () => rememberOwners(state, ownedBy(B), context(A, B));
    const between: Pick<StateTable, "readMany" | "replace"> = {
      readMany: state.readMany,
      async replace(...args) {
        const now = interrupt;
        interrupt = async () => new Map();
        await now();
        return state.replace(...args);
      },
    };
    const doubtful = await rememberOwners(between, ownedBy(D), context(A, D));
    expect(await kept()).toEqual([D, B]);
    expect(doubtful.get(CONTACT)).toEqual([B]);
  });

  test("that are kept already cost one read and no write", async () => {
    await rememberOwners(state, ownedBy(D), context(A, B, D));
    const quiet = { readMany: state.readMany, replace: () => Promise.reject(new TransientError("WRITTEN", "written")) };
    expect((await rememberOwners(quiet, ownedBy(D), context(D))).get(CONTACT)).toEqual([]);
  });

  test("that cannot be read are replaced once a comparison of everything was asked for", async () => {
    await state.writeMany([{ key: KEY, value: { accountIds: "all of them" } }]);
    const asked: (readonly string[])[] = [];
    const down = async () => Promise.reject(new TransientError("DOWN", "down"));
    await rememberOwners(state, ownedBy(A), { ...context(A), onLost: down });
    expect(await kept()).toBeUndefined();
    await rememberOwners(state, ownedBy(A), { ...context(A), onLost: async (ids) => void asked.push(ids) });
    expect([await kept(), asked]).toEqual([[A], [[CONTACT]]]);
  });
});

describe("capture", () => {
  test("asks for a comparison of all contacts when what is kept of one cannot be read", async () => {
    const { deps, published, values } = setUp({ records: { Account: [account(A)], Contact: [contact(CONTACT)] } });
    values.set(KEY, "unreadable");
    expect(await captureChanges(deliveries(changeOf()), deps)).toEqual([]);
    expect(published.map(idOf).sort()).toEqual([A, "Contact"]);
    expect(published.find((event) => idOf(event) === "Contact")?.detail.data).toEqual({
      entity: "Contact",
      reason: "position-lost",
      full: true,
    });
    expect(values.get(KEY)).toEqual({ accountIds: [A] });
  });

  test("works a move again that another batch has followed on meanwhile", async () => {
    const Contact = [contact(CONTACT, { AccountId: D })];
    const { deps, values, published } = setUp({ records: { Account: [A, B, D].map((id) => account(id)), Contact } });
    values.set(KEY, { accountIds: [A] });
    let reads = 0;
    const late: typeof deps.state = {
      ...deps.state,
      readMany(wanted, schema) {
        if (wanted.includes(KEY) && ++reads === 2) values.set(KEY, { accountIds: [B] });
        return deps.state.readMany(wanted, schema);
      },
    };
    const failures = await captureChanges(deliveries(moveTo(D, 2)), { ...deps, state: late });
    expect(summary(failures)).toEqual([["m1", "TransientError", "MOVED_MEANWHILE"]]);
    expect(await captureChanges(deliveries(moveTo(D, 2)), { ...deps, state: late })).toEqual([]);
    expect(published.map(idOf)).toContain(B);
  });

  test("leaves every account right, however two moves of a contact meet", async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), async (scheduler) => {
        const Contact = [contact(CONTACT, { AccountId: B })];
        const world = setUp({ records: { Account: [A, B, D].map((id) => account(id)), Contact } });
        world.values.set(KEY, { accountIds: [A] });
        const deps = scheduled(world.deps, scheduler);
        const second = async () => {
          await scheduler.schedule(Promise.resolve(), "the second move");
          Contact[0] = contact(CONTACT, { AccountId: D });
          await untilWorked(moveTo(D, 2), deps);
        };
        await scheduler.waitFor(Promise.all([untilWorked(moveTo(B, 1), deps), second()]));
        expect(contactsOf(world.published)).toEqual({ [A]: undefined, [B]: undefined, [D]: CONTACT });
        expect(world.values.get(KEY)).toEqual({ accountIds: [D] });
      }),
      { numRuns: 200 },
    );
  });
});

/** The same world, of which every answer comes when the scheduler lets it. Each reading takes a moment. */
function scheduled(deps: CaptureDependencies, scheduler: fc.Scheduler): CaptureDependencies {
  const salesforce = deps.orgs.salesforce(ORG);
  const orgs = {
    ids: [ORG],
    salesforce: () => ({
      ...salesforce,
      readRecords: scheduler.scheduleFunction(salesforce.readRecords),
      query: scheduler.scheduleFunction(salesforce.query) as typeof salesforce.query,
    }),
  };
  const { readMany, replace, writeMany } = deps.state;
  let time = deps.now();
  return {
    ...deps,
    orgs,
    state: {
      readMany: scheduler.scheduleFunction(readMany) as typeof readMany,
      replace: scheduler.scheduleFunction(replace),
      writeMany,
    },
    now: () => time++,
  };
}

/** As the queue does: what failed for now comes again. */
async function untilWorked(change: ChangeEvent, deps: CaptureDependencies): Promise<void> {
  for (let tries = 0; tries < 10; tries += 1) if ((await captureChanges(deliveries(change), deps)).length === 0) return;
  throw new TransientError("ENDLESS", "the change is never worked");
}

interface Told {
  readonly customer: { readonly billingContact: { readonly contactId: string } | null };
  readonly version: string;
}

/** The contact of each customer, by the newest of its events. */
function contactsOf(published: ReturnType<typeof setUp>["published"]): Record<string, string | undefined> {
  const newest = new Map<string, Told>();
  for (const event of published) {
    const data = event.detail.data as Told;
    if ((newest.get(idOf(event))?.version ?? "") < data.version) newest.set(idOf(event), data);
  }
  return Object.fromEntries([...newest].map(([id, { customer }]) => [id, customer.billingContact?.contactId]));
}
