import { formatVersion } from "../../shared/contracts/customer.ts";
import type { TestFleet } from "./fleet.ts";

type Tables = Pick<TestFleet, "aws" | "ref">;

/** Stores a customer for another organisation, as when one is a copy of the other: the account here cannot be used. */
export async function storeForOtherOrg({ aws, ref }: Tables, customerId: string): Promise<void> {
  const text = {
    customerId,
    orgId: "00D000000000009EAA",
    version: formatVersion(0, 0, 0),
    correlationId: "other",
    actor: "system:test",
    occurredAt: "1970-01-01T00:00:00.000Z",
  };
  const Item = Object.fromEntries(Object.entries(text).map(([name, S]) => [name, { S }]));
  const TableName = ref("CustomersTable");
  await aws("dynamodb", "PutItem", { TableName, Item: { ...Item, deleted: { BOOL: true }, links: { M: {} } } });
}

/** A person takes it out again. */
export async function forgetOtherOrg({ aws, ref }: Tables, customerId: string): Promise<void> {
  await aws("dynamodb", "DeleteItem", { TableName: ref("CustomersTable"), Key: { customerId: { S: customerId } } });
}
