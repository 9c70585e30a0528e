import { setTimeout as sleep } from "node:timers/promises";
import { XRayClient } from "@aws-sdk/client-xray";
import { fetchTraces, type Trace } from "../../cli/trace/fetch.ts";
import { buildTree } from "../../cli/trace/tree.ts";
import { ADMINISTRATOR } from "../aws/kernel/kernel.ts";
import { SalesforceApi } from "../console/salesforce.ts";
import type { Fleet } from "../fleet.ts";
import { type ChangedAccount, changeAccount } from "./account.ts";
import { followHops, type Hop } from "./hops.ts";
import { readBilling, readSlack, readStore, readWrittenBack, type Targets } from "./targets.ts";

const PATIENCE_MS = 30_000;
const POLL_MS = 50;
const HOUR_MS = 3_600_000;
/** The ends of a change's ways: the segment, and the hop, which is known a little later. */
const LAST_HOPS = [
  { segment: "slack/notify", hop: "queue → function slack-notify" },
  { segment: "salesforce/write-back", hop: "queue → function salesforce-write-back" },
];

/** What the demonstration found. `trace` and `traceId` are there once X-Ray has the change. */
export interface Report extends Targets {
  readonly ok: boolean;
  readonly customerId: string;
  readonly correlationId: string | null;
  readonly traceId: string | null;
  readonly hops: readonly Hop[];
  readonly trace: { readonly segments: number; readonly orphans: number; readonly roots: number } | null;
  /** From the change to the last target, in milliseconds. */
  readonly ms: number;
  readonly error?: string;
  /** Where it stopped. */
  readonly failedHop?: string;
}

/** One round of looking at the targets. */
interface Look extends Targets {
  readonly trace: Trace | undefined;
  readonly missing: string | undefined;
}

/**
 * Changes one account in Salesforce and follows the change until store, billing, Slack and the account itself show it and its trace is whole.
 * @param onHop called as each hop ends
 */
export async function runDemo(
  fleet: Fleet,
  onHop: (hop: Hop) => void,
): Promise<{ report: Report; trace: Trace | undefined }> {
  const hops: Hop[] = [];
  const began = Date.now();
  const unfollow = followHops(fleet, began, (hop) => {
    hops.push(hop);
    onHop(hop);
  });
  try {
    const salesforce = new SalesforceApi(fleet.saas.salesforce.humanConnection());
    const changed = await changeAccount(salesforce);
    const { trace, missing, ...targets } = await watch({ fleet, salesforce, changed, began, hops });
    const ms = Date.now() - began;
    const tree = trace ? buildTree(trace.documents) : undefined;
    const report: Report = {
      ok: missing === undefined,
      customerId: changed.customerId,
      correlationId: targets.store?.correlationId ?? null,
      traceId: trace?.traceId ?? null,
      hops,
      ...targets,
      trace: tree ? { segments: tree.segments, orphans: tree.orphans.length, roots: tree.roots.length } : null,
      ms,
      ...(missing ? await failure(fleet, changed.customerId, missing, hops) : {}),
    };
    return { report, trace };
  } finally {
    unfollow();
  }
}

/** A change to look for. */
interface Watched {
  readonly fleet: Fleet;
  readonly salesforce: SalesforceApi;
  readonly changed: ChangedAccount;
  /** Epoch milliseconds. */
  readonly began: number;
  /** What was followed so far. */
  readonly hops: readonly Hop[];
}

async function watch(watched: Watched): Promise<Look> {
  const { fleet, changed, began } = watched;
  const xray = new XRayClient({
    endpoint: fleet.twin.origin,
    region: "us-east-1",
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
  });
  try {
    for (;;) {
      const look = await lookAround(watched, xray);
      const over = !look.missing || Date.now() - began > PATIENCE_MS;
      if (over || (await findParked(fleet, changed.customerId))) return look;
      await sleep(POLL_MS);
    }
  } finally {
    xray.destroy();
  }
}

async function lookAround({ fleet, salesforce, changed, began, hops }: Watched, xray: XRayClient): Promise<Look> {
  const nothing = { store: null, billing: null, slack: null, account: null, trace: undefined };
  const { customerId, phone } = changed;
  const store = await readStore(fleet, customerId);
  if (store?.phone !== phone) return { ...nothing, missing: "store" };
  const billing = await readBilling(fleet, store.stripeCustomerId);
  if (billing?.phone !== phone) return { ...nothing, store, missing: "billing" };
  const slack = await readSlack(fleet, store.correlationId);
  if (!slack) return { ...nothing, store, billing, missing: "slack" };
  const account = await readWrittenBack(salesforce, customerId, began);
  if (account?.stripeCustomerId !== billing.id) return { ...nothing, store, billing, slack, missing: "account" };
  const [trace] = await fetchTraces(xray, store.correlationId, HOUR_MS);
  const finished = trace?.documents.every((document) => !document.in_progress);
  const isTraced = (segment: string) => trace?.documents.some(({ name }) => name === segment);
  const isFollowed = (hop: string) => hops.some(({ name }) => name === hop);
  const whole = finished && LAST_HOPS.every(({ segment, hop }) => isTraced(segment) && isFollowed(hop));
  return { store, billing, slack, account, trace, missing: whole ? undefined : "trace" };
}

/** Says where a change stopped: at the hop it is parked for or keeps failing at, or before the first target that lacks it. */
async function failure(
  fleet: Fleet,
  customerId: string,
  missing: string,
  hops: readonly Hop[],
): Promise<{ error: string; failedHop: string }> {
  const parked = await findParked(fleet, customerId);
  if (parked) {
    const { errorName, errorMessage, hop } = parked;
    return { error: `Parked: ${errorName?.S}: ${errorMessage?.S}`, failedHop: hop?.S ?? missing };
  }
  const waits = `The change did not reach ${missing} within ${PATIENCE_MS / 1000} s`;
  const isMended = ({ name }: Hop) => hops.some((hop) => hop.name === name && !hop.error);
  const stuck = hops.find((hop) => hop.error && !isMended(hop));
  if (!stuck) return { error: `${waits}.`, failedHop: missing };
  return { error: `${waits}, and waits for this to be mended: ${stuck.error}`, failedHop: stuck.name };
}

/** The parked work of a customer, if there is any. */
async function findParked(fleet: Fleet, customerId: string): Promise<Record<string, { S?: string }> | undefined> {
  const { Items = [] } = await fleet.twin.kernel.call<{ Items?: Record<string, { S?: string }>[] }>(
    "dynamodb",
    "Scan",
    { TableName: fleet.ref("ParkedTable") },
    { principal: ADMINISTRATOR },
  );
  return Items.find((item) => item.input?.S?.includes(customerId));
}
