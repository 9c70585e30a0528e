import { ConditionalCheckFailedException, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient, GetCommand, UpdateCommand, type UpdateCommandInput } from "@aws-sdk/lib-dynamodb";
import { awsClient } from "./aws.ts";
import { awsError } from "./aws-errors.ts";
import type { Customer } from "./contracts/customer.ts";
import type { Metadata } from "./contracts/metadata.ts";
import { type BillingLink, type CustomerRecord, customerRecordSchema } from "./customer-record.ts";
import { ContractError, InvalidInputError } from "./errors.ts";
import { hashOf } from "./hash.ts";
import { describeIssues } from "./issues.ts";

/** The change on whose behalf the store is written. */
export type Cause = Pick<Metadata, "correlationId" | "actor" | "occurredAt">;

/**
 * What a write did: `unchanged` when the same content came with a newer (or the same) version, `superseded` when the
 * store already holds a newer one. `version` is the one stored afterwards.
 */
export interface Saved {
  readonly outcome: "created" | "updated" | "unchanged" | "superseded";
  readonly version: string;
}

/** What became of a link: `conflict` when the customer is linked to another id. `link` is the one stored afterwards. */
export interface Linked {
  readonly outcome: "linked" | "superseded" | "conflict";
  readonly link: BillingLink;
}

/**
 * The customers table. Every method throws TransientError, NotAuthorizedError or InvalidInputError for what DynamoDB
 * answers, and ContractError when a stored item does not have the shape of `customerRecordSchema`.
 */
export interface CustomerStore {
  /** The stored record, strongly consistent. */
  read(customerId: string): Promise<CustomerRecord | undefined>;
  /** Stores a snapshot unless a newer version is there; takes a tombstone back. */
  save(customer: Customer, version: string, cause: Cause): Promise<Saved>;
  /** Marks as deleted unless a newer version is there; the content and the links stay. */
  markDeleted(account: { customerId: string; orgId: string }, version: string, cause: Cause): Promise<Saved>;
  /** Notes that billing is asked to create a customer now; the moment it was first asked, which may be earlier. */
  askBilling(customerId: string, now: Date): Promise<Date>;
  /** Stores the link unless a newer version is linked. Without `version` it only claims the id. */
  linkBilling(customerId: string, link: BillingLink): Promise<Linked>;
}

type Update = Omit<UpdateCommandInput, "TableName" | "Key">;

/** The store on one DynamoDB table. */
export function createCustomerStore(tableName: string, client = awsClient(new DynamoDBClient({}))): CustomerStore {
  const table = DynamoDBDocumentClient.from(client, { marshallOptions: { removeUndefinedValues: true } });

  async function read(customerId: string): Promise<CustomerRecord | undefined> {
    const command = new GetCommand({ TableName: tableName, Key: { customerId }, ConsistentRead: true });
    const answer = await table.send(command).catch((cause) => {
      throw awsError(cause, `DynamoDB GetItem on ${tableName}`);
    });
    return answer.Item && parseRecord(answer.Item);
  }

  /** `refused` when the condition does not hold. */
  async function update(customerId: string, input: Update): Promise<Record<string, unknown> | undefined | "refused"> {
    try {
      const answer = await table.send(new UpdateCommand({ TableName: tableName, Key: { customerId }, ...input }));
      return answer.Attributes;
    } catch (cause) {
      if (cause instanceof ConditionalCheckFailedException) return "refused";
      throw awsError(cause, `DynamoDB UpdateItem on ${tableName}`);
    }
  }

  async function existing(customerId: string): Promise<CustomerRecord> {
    const record = await read(customerId);
    if (record) return record;
    throw new InvalidInputError(
      "NOT_STORED",
      `Customer ${customerId} is not in ${tableName}; store it before linking.`,
    );
  }

  /** Applies a newer version; `same` compares the item before the write with the new content. */
  async function applyVersion(
    customerId: string,
    version: string,
    write: Update,
    same: (before: Record<string, unknown>) => boolean,
  ): Promise<Saved> {
    const before = await update(customerId, {
      ...write,
      ConditionExpression: "attribute_not_exists(customerId) OR version < :version",
      ReturnValues: "ALL_OLD",
    });
    if (before === "refused") {
      const stored = await existing(customerId);
      return { outcome: stored.version === version ? "unchanged" : "superseded", version: stored.version };
    }
    if (!before) return { outcome: "created", version };
    return { outcome: same(before) ? "unchanged" : "updated", version };
  }

  return {
    read,

    save(customer, version, cause) {
      const contentHash = hashOf(customer);
      const write = {
        UpdateExpression: `SET ${COMMON}, customer = :customer, contentHash = :hash REMOVE deletedAt`,
        ExpressionAttributeValues: {
          ...commonValues(customer.orgId, version, cause),
          ":deleted": false,
          ":customer": customer,
          ":hash": contentHash,
        },
      };
      const same = (before: Record<string, unknown>) => before.contentHash === contentHash && before.deleted === false;
      return applyVersion(customer.customerId, version, write, same);
    },

    markDeleted({ customerId, orgId }, version, cause) {
      const write = {
        UpdateExpression: `SET ${COMMON}, deletedAt = if_not_exists(deletedAt, :occurredAt)`,
        ExpressionAttributeValues: { ...commonValues(orgId, version, cause), ":deleted": true },
      };
      return applyVersion(customerId, version, write, (before) => before.deleted === true);
    },

    async askBilling(customerId, now) {
      const after = await update(customerId, {
        UpdateExpression: "SET billingAskedAt = if_not_exists(billingAskedAt, :now)",
        ConditionExpression: "attribute_exists(customerId)",
        ExpressionAttributeValues: { ":now": now.toISOString() },
        ReturnValues: "ALL_NEW",
      });
      if (after === "refused" || !after) return existing(customerId).then(() => now);
      return new Date(parseRecord(after).billingAskedAt ?? now);
    },

    async linkBilling(customerId, link) {
      const free = "attribute_exists(customerId) AND attribute_not_exists(links.stripe)";
      const same = "links.stripe.id = :id AND";
      const older = `${same} attribute_not_exists(links.stripe.version) OR ${same} links.stripe.version <= :version`;
      const written = await update(customerId, {
        UpdateExpression: "SET links.stripe = :link",
        ConditionExpression: link.version ? `${free} OR ${older}` : free,
        ExpressionAttributeValues: {
          ":link": link,
          ...(link.version ? { ":id": link.id, ":version": link.version } : {}),
        },
      });
      if (written !== "refused") return { outcome: "linked", link };
      const stored = (await existing(customerId)).links.stripe;
      if (stored?.id !== link.id) return { outcome: "conflict", link: stored ?? link };
      return { outcome: link.version ? "superseded" : "linked", link: stored };
    },
  };
}

const COMMON =
  "orgId = :orgId, version = :version, deleted = :deleted, links = if_not_exists(links, :noLinks), " +
  "correlationId = :correlationId, actor = :actor, occurredAt = :occurredAt";

function commonValues(orgId: string, version: string, { correlationId, actor, occurredAt }: Cause) {
  return {
    ":orgId": orgId,
    ":version": version,
    ":noLinks": {},
    ":correlationId": correlationId,
    ":actor": actor,
    ":occurredAt": occurredAt,
  };
}

function parseRecord(item: Record<string, unknown>): CustomerRecord {
  const result = customerRecordSchema.safeParse(item);
  if (result.success) return result.data;
  const problems = describeIssues(result.error.issues);
  throw new ContractError("BAD_RECORD", `The stored customer does not have the agreed shape: ${problems}`);
}
