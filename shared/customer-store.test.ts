import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DeleteCommand, DynamoDBDocumentClient, PutCommand } from "@aws-sdk/lib-dynamodb";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { BillingRequests } from "./billing-requests.ts";
import type { Customer } from "./contracts/customer.ts";
import { type CustomerStore, createCustomerStore, type StoredVersion } from "./customer-store.ts";
import { InvalidInputError, NotAuthorizedError, TransientError } from "./errors.ts";
import { cause, dynamoAt, newCustomer, startCustomersTable, TABLE, version } from "./testing/customers-table.ts";
import { serve } from "./testing/server.ts";

let client: DynamoDBClient;
let close: () => Promise<void>;
let store: CustomerStore;

beforeAll(async () => {
  ({ client, close } = await startCustomersTable());
  store = createCustomerStore(TABLE, client);
});

afterAll(() => close());

describe("save", () => {
  test("creates, and stores who changed it and when", async () => {
    const customer = newCustomer();
    expect(await store.save(customer, version(1), cause())).toEqual({ outcome: "created", version: version(1) });
    expect(await store.read(customer.customerId)).toMatchObject({
      customer,
      version: version(1),
      deleted: false,
      links: {},
      ...cause(),
    });
  });

  test("answers undefined for a customer that is not there", async () => {
    expect(await store.read(newCustomer().customerId)).toBeUndefined();
  });

  test("updates with a newer version", async () => {
    const customer = newCustomer();
    await store.save(customer, version(1), cause());
    const saved = await store.save({ ...customer, name: "Acme Ltd" }, version(2), cause(2));
    expect(saved).toEqual({ outcome: "updated", version: version(2) });
    expect((await store.read(customer.customerId))?.customer?.name).toBe("Acme Ltd");
  });

  test("answers superseded for an older version and keeps the newer content", async () => {
    const customer = newCustomer();
    await store.save(customer, version(2), cause());
    const saved = await store.save({ ...customer, name: "Old" }, version(1), cause(2));
    expect(saved).toEqual({ outcome: "superseded", version: version(2) });
    expect((await store.read(customer.customerId))?.customer?.name).toBe("Acme");
  });

  test("answers unchanged for the same version again", async () => {
    const customer = newCustomer();
    await store.save(customer, version(1), cause());
    expect(await store.save(customer, version(1), cause(2))).toEqual({ outcome: "unchanged", version: version(1) });
  });

  test("bumps the version and answers unchanged for the same content, whatever the order of its members", async () => {
    const customer = newCustomer();
    await store.save(customer, version(1), cause());
    const reordered = Object.fromEntries(Object.entries(customer).reverse()) as Customer;
    expect(await store.save(reordered, version(2), cause(2))).toEqual({ outcome: "unchanged", version: version(2) });
    expect((await store.read(customer.customerId))?.version).toBe(version(2));
  });

  test("keeps the links", async () => {
    const customer = newCustomer();
    await store.save(customer, version(1), cause());
    await store.linkBilling(customer.customerId, { id: "cus_1", version: version(1) });
    await store.save({ ...customer, name: "New" }, version(2), cause());
    expect((await store.read(customer.customerId))?.links.stripe).toEqual({ id: "cus_1", version: version(1) });
  });

  test("leaves the newest of many versions written at once", async () => {
    const customer = newCustomer();
    const saves = [3, 1, 5, 2, 4].map((n) => store.save({ ...customer, name: `v${n}` }, version(n), cause()));
    await Promise.all(saves);
    expect(await store.read(customer.customerId)).toMatchObject({ version: version(5), customer: { name: "v5" } });
  });
});

describe("markDeleted", () => {
  test("leaves a tombstone with links and without content, which a replay does not bring back", async () => {
    const customer = newCustomer();
    await store.save(customer, version(1), cause());
    await store.linkBilling(customer.customerId, { id: "cus_1", version: version(1) });
    const saved = await store.markDeleted(customer, version(2), cause(2));
    expect(saved).toEqual({ outcome: "updated", version: version(2) });
    expect(await store.save(customer, version(1), cause(3))).toEqual({ outcome: "superseded", version: version(2) });
    const record = await store.read(customer.customerId);
    expect(record).toMatchObject({
      deleted: true,
      deletedAt: cause(2).occurredAt,
      links: { stripe: { id: "cus_1" } },
    });
    expect([record?.customer, record?.contentHash]).toEqual([undefined, undefined]);
  });

  test("is known even when the customer never was, and keeps an older snapshot out", async () => {
    const customer = newCustomer();
    expect((await store.markDeleted(customer, version(2), cause())).outcome).toBe("created");
    expect((await store.save(customer, version(1), cause())).outcome).toBe("superseded");
    expect(await store.read(customer.customerId)).toMatchObject({ deleted: true });
  });

  test("answers superseded when a newer snapshot is there, unchanged when it is deleted already", async () => {
    const customer = newCustomer();
    await store.save(customer, version(2), cause());
    expect((await store.markDeleted(customer, version(1), cause())).outcome).toBe("superseded");
    await store.markDeleted(customer, version(3), cause(3));
    expect(await store.markDeleted(customer, version(4), cause(4))).toEqual({
      outcome: "unchanged",
      version: version(4),
    });
    expect((await store.read(customer.customerId))?.deletedAt).toBe(cause(3).occurredAt);
  });

  test("is taken back by a newer snapshot", async () => {
    const customer = newCustomer();
    await store.save(customer, version(1), cause());
    await store.markDeleted(customer, version(2), cause());
    expect((await store.save(customer, version(3), cause())).outcome).toBe("updated");
    const record = await store.read(customer.customerId);
    expect(record?.deleted).toBe(false);
    expect(record?.deletedAt).toBeUndefined();
  });
});

describe("an id that another organisation has stored", () => {
  test("is never overwritten, however new the version is", async () => {
    const customer = newCustomer();
    await store.save(customer, version(1), cause());
    const foreign = { ...customer, orgId: "00D000000000002EAA", name: "Copy" };
    await expect(store.save(foreign, version(2), cause(2))).rejects.toMatchObject({
      name: "InvalidInputError",
      code: "OTHER_ORG",
      message: expect.stringMatching(/00D000000000002EAA is stored for organisation 00D000000000001EAA/),
    });
    await expect(store.markDeleted(foreign, version(3), cause(3))).rejects.toMatchObject({ code: "OTHER_ORG" });
    await expect(store.save(foreign, version(0), cause())).rejects.toMatchObject({ code: "OTHER_ORG" });
    expect(await store.read(customer.customerId)).toMatchObject({ customer, version: version(1), deleted: false });
  });
});

describe("readMany", () => {
  test("reads more than one batch, each customer once, and leaves out what is not stored", async () => {
    const customers = Array.from({ length: 130 }, newCustomer);
    await Promise.all(customers.map((customer) => store.save(customer, version(1), cause())));
    const ids = customers.map(({ customerId }) => customerId);
    const found = await store.readMany([...ids, ...ids, newCustomer().customerId]);
    expect([...found.keys()].sort()).toEqual(ids);
    expect(found.get(ids[0] as string)).toMatchObject({ customer: customers[0], version: version(1) });
  });

  test("asks for nothing when there is nothing to ask for", async () => {
    expect(await createCustomerStore("nowhere", client).readMany([])).toEqual(new Map());
  });

  test("asks again for what DynamoDB left undone, and gives up at last", async () => {
    const Keys = [{ customerId: { S: "001000000000001" } }];
    await using busy = await serve(() => ({ body: { Responses: {}, UnprocessedKeys: { [TABLE]: { Keys } } } }));
    const throttled = createCustomerStore(TABLE, dynamoAt(Number(new URL(busy.url).port)));
    await expect(throttled.readMany(["001000000000001"])).rejects.toMatchObject({
      name: "TransientError",
      code: "THROTTLED",
    });
    expect(busy.requests).toHaveLength(5);
  });
});

describe("a stored item that is malformed", () => {
  const broken = newCustomer().customerId;
  const items = () => DynamoDBDocumentClient.from(client);

  beforeAll(async () => {
    await items().send(new PutCommand({ TableName: TABLE, Item: { customerId: broken, name: "Secret" } }));
  });
  afterAll(async () => {
    await items().send(new DeleteCommand({ TableName: TABLE, Key: { customerId: broken } }));
  });

  test("is named, without its content, to whoever reads it alone", async () => {
    const error = await store.read(broken).catch((reason) => reason);
    expect(error).toMatchObject({ name: "ContractError", message: expect.stringContaining(broken) });
    expect(error.message).not.toContain("Secret");
  });

  test("keeps nobody from the others", async () => {
    const customer = newCustomer();
    await store.save(customer, version(1), cause());
    expect([...(await store.readMany([broken, customer.customerId])).keys()]).toEqual([customer.customerId]);
    const { versions } = await store.listVersions();
    const ids = versions.map(({ customerId }) => customerId);
    expect([ids.includes(customer.customerId), ids.includes(broken)]).toEqual([true, false]);
  });
});

describe("listVersions", () => {
  test("goes through everything that is stored, page by page, without its content", async () => {
    const customers = Array.from({ length: 5 }, newCustomer);
    for (const customer of customers) await store.save({ ...customer, name: "x".repeat(390_000) }, version(1), cause());
    await store.markDeleted(customers[0] as Customer, version(2), cause(2));
    const seen: StoredVersion[] = [];
    let pages = 0;
    let after: string | undefined;
    do {
      const page = await store.listVersions(after);
      seen.push(...page.versions);
      after = page.next;
      pages += 1;
    } while (after);
    expect(pages).toBeGreaterThan(1);
    expect(new Set(seen.map(({ customerId }) => customerId)).size).toBe(seen.length);
    const own = seen.filter(({ customerId }) => customers.some((customer) => customer.customerId === customerId));
    expect(own.map(({ deleted }) => deleted).sort()).toEqual([false, false, false, false, true]);
    for (const item of own)
      expect(Object.keys(item).sort()).toEqual([
        ...(item.deleted ? [] : ["contentHash"]),
        ...["customerId", "deleted", "orgId", "version"],
      ]);
  });
});

describe("raiseVersion", () => {
  test("raises store and billing together, and only from the version that both have", async () => {
    const customer = newCustomer();
    await store.save(customer, version(1), cause());
    const raise = (known: number, to: number) => store.raiseVersion(customer.customerId, version(known), version(to));
    expect(await raise(1, 2)).toMatchObject({ version: version(1) });
    await store.linkBilling(customer.customerId, { id: "cus_1", version: version(1), contentHash: "h" });
    expect(await raise(1, 1)).toMatchObject({ version: version(1) });
    expect(await raise(1, 2)).toBeUndefined();
    expect(await store.read(customer.customerId)).toMatchObject({
      version: version(2),
      links: { stripe: { id: "cus_1", version: version(2), contentHash: "h" } },
    });
    expect(await raise(1, 3)).toMatchObject({ version: version(2) });
  });
});

describe("linkBilling", () => {
  test("claims an id once and keeps the claim when it is repeated", async () => {
    const { customerId } = await stored();
    expect(await store.linkBilling(customerId, { id: "cus_1" })).toEqual({ outcome: "linked", link: { id: "cus_1" } });
    await store.linkBilling(customerId, { id: "cus_1", version: version(1), contentHash: "a" });
    expect(await store.linkBilling(customerId, { id: "cus_1" })).toEqual({
      outcome: "linked",
      link: { id: "cus_1", version: version(1), contentHash: "a" },
    });
  });

  test("never lets an older version overwrite a newer one", async () => {
    const { customerId } = await stored();
    await store.linkBilling(customerId, { id: "cus_1", version: version(2), contentHash: "new" });
    const linked = await store.linkBilling(customerId, { id: "cus_1", version: version(1), contentHash: "old" });
    expect(linked).toEqual({ outcome: "superseded", link: { id: "cus_1", version: version(2), contentHash: "new" } });
  });

  test.each([{ id: "cus_2" }, { id: "cus_2", version: version(9) }])("never replaces the id: %j", async (link) => {
    const { customerId } = await stored();
    await store.linkBilling(customerId, { id: "cus_1", version: version(1) });
    expect(await store.linkBilling(customerId, link)).toMatchObject({ outcome: "conflict", link: { id: "cus_1" } });
    expect((await store.read(customerId))?.links.stripe?.id).toBe("cus_1");
  });

  test("refuses a customer that is not stored", async () => {
    const { customerId } = newCustomer();
    await expect(store.linkBilling(customerId, { id: "cus_1" })).rejects.toMatchObject({ code: "NOT_STORED" });
    await expect(store.noteBilling(customerId, requests(0))).rejects.toBeInstanceOf(InvalidInputError);
    expect(await store.read(customerId)).toBeUndefined();
  });

  test("replaces exactly the id that was deleted", async () => {
    const { customerId } = await stored();
    await store.linkBilling(customerId, { id: "cus_1", version: version(1) });
    const other = await store.linkBilling(customerId, { id: "cus_2" }, { replaces: "cus_0" });
    expect(other).toMatchObject({ outcome: "conflict", link: { id: "cus_1" } });
    expect(await store.linkBilling(customerId, { id: "cus_2" }, { replaces: "cus_1" })).toMatchObject({
      outcome: "linked",
    });
    const late = await store.linkBilling(customerId, { id: "cus_1", version: version(1) });
    expect(late).toEqual({ outcome: "conflict", link: { id: "cus_2" } });
  });

  test("settles requests with the link, so that a note from before is refused", async () => {
    const { customerId } = await stored();
    const at = "2026-01-01T00:00:00.000Z";
    const pending = { a: { kind: "create", at }, b: { kind: "update", at } } as const;
    await store.noteBilling(customerId, { ...requests(0), pending, isDirty: true });
    await store.linkBilling(customerId, { id: "cus_1", version: version(1) }, { settles: ["a"] });
    const record = await store.read(customerId);
    expect(record?.billingRequests).toEqual({ ...requests(2), pending: { b: pending.b } });
    expect(await store.noteBilling(customerId, requests(1))).toBeUndefined();
  });

  async function stored(): Promise<Customer> {
    const customer = newCustomer();
    await store.save(customer, version(1), cause());
    return customer;
  }
});

describe("noteBilling", () => {
  test("is refused when somebody else wrote first", async () => {
    const customer = newCustomer();
    await store.save(customer, version(1), cause());
    const note = (revision: number) => store.noteBilling(customer.customerId, requests(revision));
    expect((await note(0))?.billingRequests).toEqual(requests(1));
    expect(await note(0)).toBeUndefined();
    expect((await note(1))?.billingRequests?.revision).toBe(2);
    expect(await note(1)).toBeUndefined();
  });

  test("can be bound to the version that was read", async () => {
    const customer = newCustomer();
    await store.save(customer, version(2), cause());
    const note = (n: number) => store.noteBilling(customer.customerId, requests(0), { version: version(n) });
    expect(await note(1)).toBeUndefined();
    expect(await note(2)).toBeDefined();
  });

  test("remembers when billing was first asked", async () => {
    const customer = newCustomer();
    await store.save(customer, version(1), cause());
    const [first, later] = [new Date("2026-01-01T00:00:00Z"), new Date("2026-01-02T00:00:00Z")];
    await store.noteBilling(customer.customerId, requests(0), { askedAt: first });
    const record = await store.noteBilling(customer.customerId, requests(1), { askedAt: later });
    expect(record?.billingAskedAt).toBe(first.toISOString());
  });
});

function requests(revision: number): BillingRequests {
  return { revision, create: { generation: 0 }, update: { generation: 0 }, pending: {} };
}

describe("failures", () => {
  test("a table that does not exist is no record's fault, and is named", async () => {
    const error = await failureOf(createCustomerStore("nowhere", client));
    expect(error).toBeInstanceOf(NotAuthorizedError);
    expect(error.message).toContain("nowhere");
  });

  test.each([
    ["ProvisionedThroughputExceededException", 400, TransientError],
    ["InternalServerError", 500, TransientError],
    ["AccessDeniedException", 400, NotAuthorizedError],
    ["ValidationException", 400, InvalidInputError],
  ])("%s", async (name, status, expected) => {
    const headers = { "content-type": "application/x-amz-json-1.0" };
    const body = { __type: `com.amazonaws.dynamodb.v20120810#${name}`, message: "no" };
    await using broken = await serve(() => ({ status, headers, body }));
    expect(await failureOf(storeAt(Number(new URL(broken.url).port)))).toBeInstanceOf(expected);
  });

  test("an unreachable table is TransientError", async () => {
    expect(await failureOf(storeAt(1))).toBeInstanceOf(TransientError);
  });

  function storeAt(port: number): CustomerStore {
    return createCustomerStore(TABLE, dynamoAt(port));
  }

  async function failureOf(broken: CustomerStore): Promise<Error> {
    const customer = newCustomer();
    const { customerId } = customer;
    const calls = [
      broken.save(customer, version(1), cause()),
      broken.read(customerId),
      broken.readMany([customerId]),
      broken.listVersions(),
    ];
    const errors = await Promise.all(
      calls.map((call) =>
        call.then(
          () => undefined,
          (error: Error) => error,
        ),
      ),
    );
    const [first] = errors;
    if (!first) throw new Error("expected a rejection");
    expect(errors.map((error) => error?.name)).toEqual(calls.map(() => first.name));
    return first;
  }
});
