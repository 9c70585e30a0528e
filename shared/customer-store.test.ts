import type { AddressInfo } from "node:net";
import { CreateTableCommand, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
// @ts-expect-error dynalite ships no types
import dynalite from "dynalite";
import type { Customer } from "./contracts/customer.ts";
import { formatVersion } from "./contracts/customer.ts";
import { type CustomerStore, createCustomerStore } from "./customer-store.ts";
import { InvalidInputError, NotAuthorizedError, RejectedByTargetError, TransientError } from "./errors.ts";

const TABLE = "customers-test";
const server = dynalite({ createTableMs: 0 });
let client: DynamoDBClient;
let store: CustomerStore;
let count = 0;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  client = clientOf((server.address() as AddressInfo).port);
  await client.send(
    new CreateTableCommand({
      TableName: TABLE,
      KeySchema: [{ AttributeName: "customerId", KeyType: "HASH" }],
      AttributeDefinitions: [{ AttributeName: "customerId", AttributeType: "S" }],
      BillingMode: "PAY_PER_REQUEST",
    }),
  );
  store = createCustomerStore(TABLE, client);
});

afterAll(() => new Promise((resolve) => server.close(resolve)));

function clientOf(port: number): DynamoDBClient {
  return new DynamoDBClient({
    endpoint: `http://127.0.0.1:${port}`,
    region: "eu-central-1",
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
    maxAttempts: 1,
  });
}

/** A customer of its own for each test, so that tests share the table and nothing else. */
function newCustomer(): Customer {
  count += 1;
  return {
    customerId: `001000000000${String(count).padStart(6, "0")}`,
    orgId: "00D000000000001AAA",
    name: "Acme",
    email: "pay@acme.example",
    phone: null,
    address: null,
    plan: "gold",
  };
}

const version = (second: number) => formatVersion(1_700_000_000_000 + second * 1000, 1_700_000_000_000, 1);
const cause = (n = 1) => ({
  correlationId: `correlation-${n}`,
  actor: "005000000000001AAA",
  occurredAt: `2026-01-01T00:00:0${n}.000Z`,
});

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
  test("leaves a tombstone with content and links", async () => {
    const customer = newCustomer();
    await store.save(customer, version(1), cause());
    await store.linkBilling(customer.customerId, { id: "cus_1", version: version(1) });
    const saved = await store.markDeleted(customer, version(2), cause(2));
    expect(saved).toEqual({ outcome: "updated", version: version(2) });
    expect(await store.read(customer.customerId)).toMatchObject({
      deleted: true,
      deletedAt: cause(2).occurredAt,
      customer,
      links: { stripe: { id: "cus_1" } },
    });
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
    await expect(store.askBilling(customerId, new Date())).rejects.toBeInstanceOf(InvalidInputError);
    expect(await store.read(customerId)).toBeUndefined();
  });

  test("remembers when billing was first asked", async () => {
    const { customerId } = await stored();
    const first = new Date("2026-01-01T00:00:00Z");
    expect(await store.askBilling(customerId, first)).toEqual(first);
    expect(await store.askBilling(customerId, new Date("2026-01-02T00:00:00Z"))).toEqual(first);
  });

  async function stored(): Promise<Customer> {
    const customer = newCustomer();
    await store.save(customer, version(1), cause());
    return customer;
  }
});

describe("failures", () => {
  test("a table that does not exist is RejectedByTargetError and names the table", async () => {
    const error = await failureOf(createCustomerStore("nowhere", client));
    expect(error).toBeInstanceOf(RejectedByTargetError);
    expect(error.message).toContain("nowhere");
  });

  test.each([
    ["ProvisionedThroughputExceededException", 400, TransientError],
    ["InternalServerError", 500, TransientError],
    ["AccessDeniedException", 400, NotAuthorizedError],
    ["ValidationException", 400, InvalidInputError],
  ])("%s", async (name, status, expected) => {
    const { createServer } = await import("node:http");
    const broken = createServer((_request, response) => {
      response.writeHead(status, { "content-type": "application/x-amz-json-1.0" });
      response.end(JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${name}`, message: "no" }));
    });
    await new Promise<void>((resolve) => broken.listen(0, "127.0.0.1", resolve));
    try {
      const error = await failureOf(createCustomerStore(TABLE, clientOf((broken.address() as AddressInfo).port)));
      expect(error).toBeInstanceOf(expected);
    } finally {
      broken.closeAllConnections();
      await new Promise((resolve) => broken.close(resolve));
    }
  });

  test("an unreachable table is TransientError", async () => {
    expect(await failureOf(createCustomerStore(TABLE, clientOf(1)))).toBeInstanceOf(TransientError);
  });

  async function failureOf(broken: CustomerStore): Promise<Error> {
    const customer = newCustomer();
    const [saved, readBack] = await Promise.allSettled([
      broken.save(customer, version(1), cause()),
      broken.read(customer.customerId),
    ]);
    if (saved.status !== "rejected" || readBack.status !== "rejected") throw new Error("expected a rejection");
    expect(readBack.reason.name).toBe(saved.reason.name);
    return saved.reason;
  }
});
