import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { Context } from "aws-lambda";
import { type CustomerStore, createCustomerStore } from "#shared/customer-store.ts";
import { newCustomer, startCustomersTable, TABLE, version } from "#shared/testing/customers-table.ts";
import { METADATA as metadata } from "#shared/testing/metadata.ts";
import { handler, upsert } from "./upsert.ts";

let store: CustomerStore;
let close: () => Promise<void>;

beforeAll(async () => {
  const table = await startCustomersTable();
  close = table.close;
  store = createCustomerStore(TABLE, table.client);
});

afterAll(() => close());

describe("upsert", () => {
  test("stores a change and answers the version stored now", async () => {
    const customer = newCustomer();
    const { customerId } = customer;
    const change = (n: number) => ({
      type: "customer.changed" as const,
      metadata,
      data: { customer, version: version(n) },
    });
    expect(await upsert(change(2), store)).toEqual({ outcome: "created", version: version(2), customerId });
    expect(await upsert(change(1), store)).toEqual({ outcome: "superseded", version: version(2), customerId });
  });

  test("leaves a tombstone for a deletion", async () => {
    const customer = newCustomer();
    const { customerId, orgId } = customer;
    await upsert({ type: "customer.changed", metadata, data: { customer, version: version(1) } }, store);
    const deletion = { type: "customer.deleted" as const, metadata, data: { customerId, orgId, version: version(2) } };
    expect(await upsert(deletion, store)).toEqual({ outcome: "updated", version: version(2), customerId });
    expect(
      await upsert({ type: "customer.changed", metadata, data: { customer, version: version(1) } }, store),
    ).toEqual({ outcome: "superseded", version: version(2), customerId });
    expect(await store.read(customerId)).toMatchObject({ deleted: true });
    expect((await store.read(customerId))?.customer).toBeUndefined();
  });
});

describe("the handler", () => {
  const context = { functionName: "test", awsRequestId: "1", invokedFunctionArn: "arn" } as Context;

  test.each([
    ["another type", { type: "customer.synced", metadata, data: {} }, "type"],
    ["no metadata", { type: "customer.changed", data: {} }, "metadata"],
    ["no customer", { type: "customer.changed", metadata, data: { version: version(1) } }, "data.customer"],
    [
      "a bad version",
      { type: "customer.changed", metadata, data: { customer: newCustomer(), version: "1" } },
      "data.version",
    ],
  ])("refuses %s as ContractError with its path", async (_what, input, path) => {
    await expect(handler(input, context)).rejects.toMatchObject({
      name: "ContractError",
      message: expect.stringContaining(path),
    });
  });
});
