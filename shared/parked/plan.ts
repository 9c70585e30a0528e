import { z } from "zod";
import type { Target } from "../behind/marks.ts";
import { salesforceIdSchema } from "../contracts/customer.ts";
import { customerChanged, customerDeleted, MAX_CHOSEN } from "../contracts/events.ts";
import type { CustomerRecord } from "../customer-record.ts";
import { isInStep, reachedStore, reachedVersion, targetOf } from "./state.ts";
import type { ParkedItem } from "./work.ts";

/** How a piece of parked work is taken up again. */
export type Plan =
  | { readonly kind: "settled"; readonly status: "done" | "superseded"; readonly why: string }
  | { readonly kind: "retry"; readonly customerId: string; readonly target: Target }
  | { readonly kind: "message"; readonly queue: string; readonly body: string }
  | { readonly kind: "compare"; readonly orgId: string; readonly entity: string; readonly ids: readonly string[] }
  | { readonly kind: "impossible"; readonly why: string };

const comparisonSchema = z.looseObject({
  metadata: z.looseObject({ orgId: z.string() }),
  data: z.looseObject({ entity: z.string(), recordIds: z.array(salesforceIdSchema).min(1).max(MAX_CHOSEN) }),
});

const runSchema = z.looseObject({
  type: z.enum([customerChanged.type, customerDeleted.type]),
  metadata: z.looseObject({ eventId: z.string() }),
  data: z.looseObject({}),
});

/**
 * Decides how to bring the customer of a piece of work to its newest version: from the store where it got that far, else
 * by giving its input to whoever could not take it. Nothing that has happened is asked for again.
 * @param record the customer's, when it is stored
 * @param syncQueue name of the queue whose messages become runs of customer-sync
 */
export function planRedrive(item: ParkedItem, record: CustomerRecord | undefined, syncQueue: string): Plan {
  if (item.kind === "comparison") return planComparison(item);
  const target = targetOf(item);
  if (target && record && reachedStore(item, record)) return planRetry(item, record, target);
  if (item.kind === "customer-sync") return planRun(item, syncQueue);
  if (item.kind === "message") return { kind: "message", queue: item.hop, body: asReplay(item.input) };
  return { kind: "impossible", why: `no way is known to redrive work of kind '${item.kind}'` };
}

function planRetry({ customerId, version }: ParkedItem, record: CustomerRecord, target: Target): Plan {
  const reached = reachedVersion(record, target);
  if (version !== undefined && reached !== undefined && reached > version)
    return { kind: "settled", status: "superseded", why: `a newer version has reached ${target}` };
  if (version !== undefined && reached !== undefined && reached === version)
    return { kind: "settled", status: "done", why: `the version has reached ${target} already` };
  // What follows in the chain begins anew with what is before it.
  const first = target === "salesforce" && !isInStep(record, "billing") ? "billing" : target;
  return { kind: "retry", customerId, target: first };
}

function planComparison({ input }: ParkedItem): Plan {
  const parsed = comparisonSchema.safeParse(jsonOf(input));
  if (!parsed.success) return { kind: "impossible", why: "its input names no records to compare" };
  const { metadata, data } = parsed.data;
  return { kind: "compare", orgId: metadata.orgId, entity: data.entity, ids: data.recordIds };
}

/** The event of a run that the store never saw goes back to the queue it came from. */
function planRun({ parkedId, input, parkedAt }: ParkedItem, queue: string): Plan {
  const parsed = runSchema.safeParse(jsonOf(input));
  if (!parsed.success) return { kind: "impossible", why: "its input is no event of a customer" };
  const { type, metadata, data } = parsed.data;
  const body = { version: "0", id: parkedId, "detail-type": type, source: customerChanged.source, time: parkedAt };
  return { kind: "message", queue, body: asReplay(JSON.stringify({ ...body, detail: { metadata, data } })) };
}

/** One of the fleet's own events says that it repeats another; anything else stays as it is. */
function asReplay(body: string): string {
  const event = jsonOf(body) as
    | { detail?: { metadata?: { eventId?: unknown; replayOf?: unknown } } }
    | null
    | undefined;
  const metadata = event?.detail?.metadata;
  if (typeof metadata?.eventId !== "string" || metadata.replayOf !== undefined) return body;
  metadata.replayOf = metadata.eventId;
  return JSON.stringify(event);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
