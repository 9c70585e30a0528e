import type { DetailOf } from "#shared/contracts/event.ts";
import type {
  customerDriftFound,
  customerDuplicateFound,
  customerSynced,
  customerSyncFailed,
  reconciliationRequested,
} from "#shared/contracts/events.ts";
import { describeRecovered, describeUnreachable, type OutageNotice } from "./outages.ts";
import { clean, code, count, moment } from "./text.ts";

type Synced = DetailOf<typeof customerSynced>;
type Failed = DetailOf<typeof customerSyncFailed>;
type Drift = DetailOf<typeof customerDriftFound>;
type Duplicate = DetailOf<typeof customerDuplicateFound>;
type Doubt = DetailOf<typeof reconciliationRequested>;

/** What is told to people. */
export type Notice =
  | { readonly type: "customer.synced"; readonly detail: Synced }
  | { readonly type: "customer.sync-failed"; readonly detail: Failed }
  | { readonly type: "customer.drift-found"; readonly detail: Drift }
  | { readonly type: "customer.duplicate-found"; readonly detail: Duplicate }
  | { readonly type: "reconciliation.requested"; readonly detail: Doubt }
  | OutageNotice;

const MAX_REASON = 1_000;
const MAX_ADJUSTED = 200;

/** What needs eyes comes first; kinds that are told in one place have one number. */
const RANKS: Readonly<Record<Notice["type"], number>> = {
  "target.unreachable": 1,
  "target.recovered": 2,
  "customer.sync-failed": 3,
  "customer.duplicate-found": 4,
  "reconciliation.requested": 5,
  "customer.drift-found": 6,
  "customer.synced": 7,
};

/** Why changes are in doubt. A comparison that was planned or asked for is no news. */
const DOUBTS: Readonly<Partial<Record<Doubt["data"]["reason"], (entity: string) => string>>> = {
  overflow: (entity) => `One transaction changed so much that Salesforce left out changes of ${entity}`,
  wildcard: (entity) => `Salesforce changed every ${entity} at once and names none of them`,
  "position-lost": (entity) => `The catch-up reader lost its place, so changes of ${entity} may be missing`,
};

/**
 * Whether people want to hear of it. A comparison that only goes on was told when it began; a repeated event that found
 * everything as it was has nothing to tell.
 */
export function isNews(notice: Notice): boolean {
  const { type, detail } = notice;
  if (type === "reconciliation.requested") return detail.data.reason in DOUBTS && detail.data.cursor === undefined;
  if (type !== "customer.synced" || detail.metadata.replayOf === undefined) return true;
  const { store, billing } = detail.data;
  return store !== "unchanged" || !["unchanged", "none"].includes(billing.outcome);
}

/** Whether a notice is of one of these kinds. */
export function isOf<T extends Notice["type"]>(
  notice: Notice,
  ...types: readonly T[]
): notice is Extract<Notice, { type: T }> {
  return (types as readonly string[]).includes(notice.type);
}

/** Where a notice stands among others, as a text that sorts: by kind, then one customer's changes by version. */
export function orderOf({ type, detail }: Notice): string {
  const { customerId, version } = detail.data as { customerId?: string; version?: string };
  return [RANKS[type], customerId ?? "", version ?? ""].join(" ");
}

/**
 * A notice in words, as Slack's mrkdwn; never longer than a section.
 * @param stage of the fleet, for the command that shows what is parked
 */
export function describe({ type, detail }: Notice, stage: string): string {
  switch (type) {
    case "target.unreachable":
      return describeUnreachable(detail);
    case "target.recovered":
      return describeRecovered(detail);
    case "customer.sync-failed":
      return describeFailed(detail, stage);
    case "reconciliation.requested":
      return describeDoubt(detail);
    case "customer.duplicate-found":
      return describeDuplicate(detail);
    case "customer.drift-found":
      return describeDrift(detail);
    case "customer.synced":
      return describeSynced(detail);
  }
}

function describeSynced({ metadata, data }: Synced): string {
  const { outcome, stripeCustomerId, adjusted = [] } = data.billing;
  const stripe = stripeCustomerId ? ` (${code(stripeCustomerId)})` : "";
  const fitted = adjusted.length > 0 ? `, adjusted to fit: ${clean(adjusted.join(", "), MAX_ADJUSTED)}` : "";
  return (
    `:white_check_mark: ${code(data.customerId)} ${data.change} by ${who(metadata)}: ` +
    `store ${data.store}, billing ${outcome}${stripe}${fitted} · ${code(metadata.correlationId)}`
  );
}

function describeFailed({ metadata, data }: Failed, stage: string): string {
  // A fleet on one's own machine is found without its name.
  const where = stage === "local" ? "" : ` --stage ${stage}`;
  const reason = clean(`${data.error.name}: ${data.error.message}`, MAX_REASON);
  return (
    `:rotating_light: *${code(data.customerId)}*, changed by ${who(metadata)}, stopped at ${code(data.state)}\n` +
    `>${reason}\n` +
    `parked, see ${code(`npx fleet parked show ${data.parkedId}${where}`)} · ${code(metadata.correlationId)}`
  );
}

/** Two billing customers for one account; only a person can tell whether the other one has invoices. */
function describeDuplicate({ metadata, data }: Duplicate): string {
  return (
    `:rotating_light: *${code(data.customerId)}* is linked to ${code(data.linkedId)} in Stripe, but ` +
    `${code(data.stripeCustomerId)}, made ${moment(data.createdAt)}, says it is the account's too. Look at both, and ` +
    `delete the one too many in Stripe · ${code(metadata.correlationId)}`
  );
}

/** Changes of which the fleet may not know; says what will be compared to find them. */
function describeDoubt({ metadata, data }: Doubt): string {
  const entity = code(data.entity);
  const reason = DOUBTS[data.reason]?.(entity) ?? `A comparison of ${entity} was asked for (${data.reason})`;
  const { window } = data;
  const scope = data.full
    ? "all records"
    : `the records changed ${window ? `from ${moment(window.from)} to ${moment(window.to)}` : "since the last comparison"}`;
  return `:warning: ${reason}: ${scope} will be compared with the store · ${code(metadata.correlationId)}`;
}

/** What a comparison found, and what became of it. */
function describeDrift({ metadata, data }: Drift): string {
  const repaired = [
    data.missing > 0 ? `${data.missing} not in the store` : undefined,
    data.different > 0 ? `${data.different} different` : undefined,
    data.deleted > 0 ? `${data.deleted} deleted` : undefined,
  ].filter((part) => part !== undefined);
  const found = [
    repaired.length > 0 ? `${repaired.join(", ")}: sent into the sync` : "no difference to repair",
    data.unexplained > 0
      ? `${data.unexplained} neither in Salesforce nor in its delete log: nothing was done, check the integration user's access`
      : undefined,
    data.unusable > 0 ? `${data.unusable} unusable: parked with their reason` : undefined,
  ].filter((part) => part !== undefined);
  return (
    `:mag: ${count(data.compared, "record")} of ${code(data.entity)} compared with the store (${clean(data.reason, 40)}, ` +
    `${count(data.apiCalls, "API call")}): ${found.join("; ")} · ${code(metadata.correlationId)}`
  );
}

function who({ actor, occurredAt }: Synced["metadata"]): string {
  return `${code(actor)} ${moment(occurredAt)}`;
}
