import { ConditionalCheckFailedException, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import {
  DynamoDBDocumentClient,
  GetCommand,
  ScanCommand,
  UpdateCommand,
  type UpdateCommandInput,
} from "@aws-sdk/lib-dynamodb";
import type { z } from "zod";
import { awsClient } from "./aws.ts";
import { awsError } from "./aws-errors.ts";
import { batchGet } from "./batch-get.ts";
import { assignMark, markValues } from "./behind/marks.ts";
import { type BillingRequests, type LinkOptions, linkWrite, type NoteOptions, noteWrite } from "./billing-requests.ts";
import type { Customer } from "./contracts/customer.ts";
import type { Metadata } from "./contracts/metadata.ts";
import { type BillingLink, type CustomerRecord, customerRecordSchema } from "./customer-record.ts";
import { InvalidInputError } from "./errors.ts";
import { hashOf } from "./hash.ts";
import { parseItem, usableItem } from "./stored-item.ts";

/** The change on whose behalf the store is written. */
export type Cause = Pick<Metadata, "correlationId" | "actor" | "occurredAt"> &
  Partial<Pick<Metadata, "eventId" | "traceHeader" | "lane">>;

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

/** What the store holds of a customer, without its content. */
export type StoredVersion = z.infer<typeof storedVersionSchema>;

/** Some of the stored customers, in no order. */
export interface VersionsPage {
  readonly versions: readonly StoredVersion[];
  /** Where the next page begins; undefined on the last. */
  readonly next: string | undefined;
}

/**
 * The customers table. Every method throws TransientError, NotAuthorizedError or InvalidInputError for what DynamoDB
 * answers. A stored item that does not have the agreed shape is a ContractError where one customer is read or written; among
 * many it is logged and left out, because it would keep the others waiting for ever.
 */
export interface CustomerStore {
  /** The stored record, strongly consistent. */
  read(customerId: string): Promise<CustomerRecord | undefined>;
  /** The stored records of many customers, strongly consistent; those that are not stored, or not usable, are missing. */
  readMany(customerIds: readonly string[]): Promise<Map<string, CustomerRecord>>;
  /** One page of everything that is stored, tombstones included; eventually consistent. */
  listVersions(after?: string): Promise<VersionsPage>;
  /**
   * Stores a snapshot unless a newer version is there; takes a tombstone back. The same write puts the customer behind
   * its targets, so that a run which is killed afterwards is found again.
   * @throws InvalidInputError `OTHER_ORG` when the id is stored for another organisation
   */
  save(customer: Customer, version: string, cause: Cause): Promise<Saved>;
  /**
   * Marks as deleted unless a newer version is there, and as behind its targets. The links stay, the content goes; while
   * the tombstone is there, no older snapshot, such as one of a replay, brings it back.
   * @throws InvalidInputError `OTHER_ORG` when the id is stored for another organisation
   */
  markDeleted(account: { customerId: string; orgId: string }, version: string, cause: Cause): Promise<Saved>;
  /**
   * Raises the version of a customer whose content was found equal, unless it moved from `known` meanwhile or billing
   * is not at that version yet: whoever is bringing it there would take a raised version for somebody else's work.
   * @returns the record as it is instead; undefined when the version was raised
   */
  raiseVersion(customerId: string, known: string, version: string): Promise<CustomerRecord | undefined>;
  /**
   * Replaces what is known of the requests to billing; `requests.revision` is the one that was read.
   * @returns the record afterwards; undefined when somebody else wrote in between
   */
  noteBilling(
    customerId: string,
    requests: BillingRequests,
    options?: NoteOptions,
  ): Promise<CustomerRecord | undefined>;
  /** Stores the link unless a newer version is linked. Without `version` it only claims the id. */
  linkBilling(customerId: string, link: BillingLink, options?: LinkOptions): Promise<Linked>;
}

const storedVersionSchema = customerRecordSchema.pick({
  customerId: true,
  orgId: true,
  version: true,
  deleted: true,
  contentHash: true,
});

type Update = Omit<UpdateCommandInput, "TableName" | "Key">;

/** The store on one DynamoDB table. */
export function createCustomerStore(
  tableName: string,
  client = awsClient(new DynamoDBClient({})),
  now: () => number = Date.now,
): CustomerStore {
  const table = DynamoDBDocumentClient.from(client, { marshallOptions: { removeUndefinedValues: true } });

  async function read(customerId: string): Promise<CustomerRecord | undefined> {
    const command = new GetCommand({ TableName: tableName, Key: { customerId }, ConsistentRead: true });
    const answer = await table.send(command).catch((cause) => {
      throw awsError(cause, `DynamoDB GetItem on ${tableName}`);
    });
    return answer.Item && parseItem(customerRecordSchema, answer.Item);
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
    { customerId, orgId }: Pick<Customer, "customerId" | "orgId">,
    version: string,
    write: Update,
    same: (before: Record<string, unknown>) => boolean,
  ): Promise<Saved> {
    const before = await update(customerId, {
      ...write,
      ConditionExpression: "attribute_not_exists(customerId) OR orgId = :orgId AND version < :version",
      ReturnValues: "ALL_OLD",
    });
    if (before === "refused") {
      const stored = await existing(customerId);
      if (stored.orgId !== orgId) throw otherOrg(customerId, stored.orgId, orgId);
      return { outcome: stored.version === version ? "unchanged" : "superseded", version: stored.version };
    }
    if (!before) return { outcome: "created", version };
    return { outcome: same(before) ? "unchanged" : "updated", version };
  }

  return {
    read,

    async readMany(customerIds) {
      const items = await batchGet(
        table,
        tableName,
        [...new Set(customerIds)].map((customerId) => ({ customerId })),
      );
      const records = items.flatMap((item) => usableItem(customerRecordSchema, item));
      return new Map(records.map((record) => [record.customerId, record]));
    },

    async listVersions(after) {
      const command = new ScanCommand({
        TableName: tableName,
        ProjectionExpression: "customerId, orgId, version, deleted, contentHash",
        ...(after ? { ExclusiveStartKey: { customerId: after } } : {}),
      });
      const page = await table.send(command).catch((cause) => {
        throw awsError(cause, `DynamoDB Scan on ${tableName}`);
      });
      const versions = (page.Items ?? []).flatMap((item) => usableItem(storedVersionSchema, item));
      return { versions, next: page.LastEvaluatedKey?.customerId };
    },

    save(customer, version, cause) {
      const contentHash = hashOf(customer);
      const write = {
        UpdateExpression: `SET ${COMMON}, customer = :customer, contentHash = :hash REMOVE deletedAt, parked`,
        ExpressionAttributeValues: {
          ...commonValues(customer, version, cause, now()),
          ":deleted": false,
          ":customer": customer,
          ":hash": contentHash,
        },
      };
      const same = (before: Record<string, unknown>) => before.contentHash === contentHash && before.deleted === false;
      return applyVersion(customer, version, write, same);
    },

    markDeleted({ customerId, orgId }, version, cause) {
      const write = {
        UpdateExpression: `SET ${COMMON}, deletedAt = if_not_exists(deletedAt, :occurredAt) REMOVE parked, customer, contentHash`,
        ExpressionAttributeValues: { ...commonValues({ customerId, orgId }, version, cause, now()), ":deleted": true },
      };
      return applyVersion({ customerId, orgId }, version, write, (before) => before.deleted === true);
    },

    async raiseVersion(customerId, known, version) {
      const raised = await update(customerId, {
        UpdateExpression: "SET version = :version, links.stripe.version = :version",
        ConditionExpression: "version = :known AND links.stripe.version = :known AND :known < :version",
        ExpressionAttributeValues: { ":known": known, ":version": version },
      });
      return raised === "refused" ? existing(customerId) : undefined;
    },

    async noteBilling(customerId, requests, options = {}) {
      const after = await update(customerId, { ...noteWrite(requests, options), ReturnValues: "ALL_NEW" });
      if (after !== "refused") return after && parseItem(customerRecordSchema, after);
      await existing(customerId);
      return undefined;
    },

    async linkBilling(customerId, link, options = {}) {
      const { set, removed, condition, names, values } = linkWrite(link, options);
      // Of the newest version it also says that billing is there, so that the account is next.
      const last = link.version
        ? await update(customerId, {
            UpdateExpression: `SET ${set}, ${assignMark("salesforce")} REMOVE ${["billingBehind", ...removed].join(", ")}`,
            ConditionExpression: `version = :version AND (${condition})`,
            ExpressionAttributeNames: names,
            ExpressionAttributeValues: { ...values, ...markValues("salesforce", customerId, now(), undefined) },
          })
        : "refused";
      if (last !== "refused") return { outcome: "linked", link };
      const written = await update(customerId, {
        UpdateExpression: `SET ${set}${removed.length > 0 ? ` REMOVE ${removed.join(", ")}` : ""}`,
        ConditionExpression: condition,
        ExpressionAttributeNames: names,
        ExpressionAttributeValues: values,
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
  `correlationId = :correlationId, actor = :actor, occurredAt = :occurredAt, cause = :cause, ${assignMark("billing")}`;

function commonValues(
  { customerId, orgId }: Pick<Customer, "customerId" | "orgId">,
  version: string,
  { correlationId, actor, occurredAt, eventId, traceHeader, lane }: Cause,
  now: number,
) {
  return {
    ":orgId": orgId,
    ":version": version,
    ":noLinks": {},
    ":correlationId": correlationId,
    ":actor": actor,
    ":occurredAt": occurredAt,
    ":cause": {
      ...(eventId ? { eventId } : {}),
      ...(traceHeader ? { traceHeader } : {}),
      ...(lane ? { lane } : {}),
    },
    ...markValues("billing", customerId, now, lane),
  };
}

function otherOrg(customerId: string, storedOrgId: string, orgId: string): InvalidInputError {
  return new InvalidInputError(
    "OTHER_ORG",
    `Customer ${customerId} of organisation ${orgId} is stored for organisation ${storedOrgId}; two organisations cannot ` +
      "share a customer id. Disconnect the one that is a copy, such as a sandbox.",
  );
}
