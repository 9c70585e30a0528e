import type { Metadata } from "#shared/contracts/metadata.ts";
import { version } from "#shared/testing/customers-table.ts";
import { METADATA } from "#shared/testing/metadata.ts";
import type { Notice } from "./notices.ts";

type Data = { [N in Notice as N["type"]]: N["detail"]["data"] };
interface Detail<Type extends keyof Data> {
  readonly metadata: Metadata;
  readonly data: Data[Type];
}
interface Changes<Type extends keyof Data> {
  readonly metadata?: Partial<Metadata>;
  readonly data?: Partial<Data[Type]>;
}

/** Notices of one type, which have this data but for what a test changes. */
function noticesOf<Type extends keyof Data>(type: Type, data: Data[Type]) {
  return (changes: Changes<Type> = {}): { type: Type; detail: Detail<Type> } => ({
    type,
    detail: { metadata: { ...METADATA, ...changes.metadata }, data: { ...data, ...changes.data } },
  });
}

/** A notice of a customer in step. */
export const synced = noticesOf("customer.synced", {
  customerId: "0015f00002J9YaUAAV",
  version: version(1),
  change: "changed",
  store: "updated",
  billing: { outcome: "created", stripeCustomerId: "cus_1" },
});

/** A notice of parked work. */
export const failed = noticesOf("customer.sync-failed", {
  customerId: "0015f00002J9YaUAAV",
  version: version(1),
  parkedId: "parked-1",
  state: "UpsertBilling",
  error: { name: "RejectedByTargetError", message: "Stripe refused the request: email_invalid" },
});

/** A notice of a comparison that found three missing and two different customers. */
export const drift = noticesOf("customer.drift-found", {
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
});

/** A notice that changes are in doubt because Salesforce left some out. */
export const doubt = noticesOf("reconciliation.requested", { entity: "Account", reason: "overflow", full: true });

/** A notice that Stripe is away, for which 214 customers wait. */
export const unreachable = noticesOf("target.unreachable", {
  target: "billing",
  endpoint: "customers.update",
  since: "2026-01-01T00:00:00.000Z",
  reason: "HTTP_503",
  needsPerson: false,
  waiting: 214,
});

/** A notice that Stripe is back after an hour. */
export const recovered = noticesOf("target.recovered", {
  target: "billing",
  endpoint: "customers.update",
  since: "2026-01-01T00:00:00.000Z",
  until: "2026-01-01T01:00:00.000Z",
});
