import { version } from "#shared/testing/customers-table.ts";
import { METADATA as metadata } from "#shared/testing/metadata.ts";
import type { Notice } from "./notices.ts";

type Synced = Extract<Notice, { type: "customer.synced" }>;
type Failed = Extract<Notice, { type: "customer.sync-failed" }>;
type Drift = Extract<Notice, { type: "customer.drift-found" }>;
type Doubt = Extract<Notice, { type: "reconciliation.requested" }>;
type Unreachable = Extract<Notice, { type: "target.unreachable" }>;
type Recovered = Extract<Notice, { type: "target.recovered" }>;
type Changes<N extends Notice> = { metadata?: Partial<N["detail"]["metadata"]>; data?: Partial<N["detail"]["data"]> };

/** A notice of a customer in step. */
export function synced(changes: Changes<Synced> = {}): Synced {
  const data: Synced["detail"]["data"] = {
    customerId: "0015f00002J9YaUAAV",
    version: version(1),
    change: "changed",
    store: "updated",
    billing: { outcome: "created", stripeCustomerId: "cus_1" },
  };
  return {
    type: "customer.synced",
    detail: { metadata: { ...metadata, ...changes.metadata }, data: { ...data, ...changes.data } },
  };
}

/** A notice of parked work. */
export function failed(changes: Changes<Failed> = {}): Failed {
  const data: Failed["detail"]["data"] = {
    customerId: "0015f00002J9YaUAAV",
    version: version(1),
    parkedId: "parked-1",
    state: "UpsertBilling",
    error: { name: "RejectedByTargetError", message: "Stripe refused the request: email_invalid" },
  };
  return {
    type: "customer.sync-failed",
    detail: { metadata: { ...metadata, ...changes.metadata }, data: { ...data, ...changes.data } },
  };
}

/** A notice of a comparison that found three missing and two different customers. */
export function drift(changes: Changes<Drift> = {}): Drift {
  const data: Drift["detail"]["data"] = {
    entity: "Account",
    reason: "overflow",
    full: true,
    compared: 1_200,
    missing: 3,
    different: 2,
    deleted: 0,
    unexplained: 0,
    unusable: 0,
    apiCalls: 14,
  };
  return {
    type: "customer.drift-found",
    detail: { metadata: { ...metadata, ...changes.metadata }, data: { ...data, ...changes.data } },
  };
}

/** A notice that changes are in doubt because Salesforce left some out. */
export function doubt(changes: Changes<Doubt> = {}): Doubt {
  const data: Doubt["detail"]["data"] = { entity: "Account", reason: "overflow", full: true };
  return {
    type: "reconciliation.requested",
    detail: { metadata: { ...metadata, ...changes.metadata }, data: { ...data, ...changes.data } },
  };
}

/** A notice that Stripe is away, for which 214 customers wait. */
export function unreachable(changes: Changes<Unreachable> = {}): Unreachable {
  const data: Unreachable["detail"]["data"] = {
    target: "billing",
    endpoint: "customers.update",
    since: "2026-01-01T00:00:00.000Z",
    reason: "HTTP_503",
    needsPerson: false,
    waiting: 214,
  };
  return {
    type: "target.unreachable",
    detail: { metadata: { ...metadata, ...changes.metadata }, data: { ...data, ...changes.data } },
  };
}

/** A notice that Stripe is back after an hour. */
export function recovered(changes: Changes<Recovered> = {}): Recovered {
  const data: Recovered["detail"]["data"] = {
    target: "billing",
    endpoint: "customers.update",
    since: "2026-01-01T00:00:00.000Z",
    until: "2026-01-01T01:00:00.000Z",
  };
  return {
    type: "target.recovered",
    detail: { metadata: { ...metadata, ...changes.metadata }, data: { ...data, ...changes.data } },
  };
}
