import { randomUUID } from "node:crypto";
import type { z } from "zod";
import type { Behind } from "#shared/behind/behind.ts";
import { customerSyncFailed } from "#shared/contracts/events.ts";
import { metadataSchema, NO_ORG } from "#shared/contracts/metadata.ts";
import type { InputOf, OutputOf } from "#shared/contracts/task.ts";
import type { noteRun } from "#shared/contracts/tasks/note-run.ts";
import { hashOf } from "#shared/hash.ts";
import { log } from "#shared/observability.ts";
import { type PlainError, plainError } from "#shared/parked/plain-words.ts";
import type { Park } from "#shared/parked/table.ts";
import type { ParkedWork } from "#shared/parked/work.ts";
import { createEvent } from "#shared/publish.ts";
import { withScope } from "#shared/scope.ts";
import { idIn } from "#shared/words.ts";

export type FailedRun = InputOf<typeof noteRun>;

export interface FailureDependencies {
  readonly behind: Pick<Behind, "failed" | "giveUp">;
  readonly park: Park;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Age at which what fails again and again is parked. */
  readonly giveUpAfterSeconds: number;
  /** Until when billing was away last, epoch milliseconds: that time is no customer's fault. */
  readonly awayUntil: () => Promise<number>;
  /** When a customer was brought to billing last, epoch milliseconds. */
  readonly billedLast: () => Promise<number>;
}

export type Noted = OutputOf<typeof noteRun>;

/** Errors that trying again cannot mend, however long one waits: a person decides about this one customer. */
const FINAL = new Set(["InvalidInputError", "RejectedByTargetError", "ContractError"]);
/** The error by which a record may be to blame when it comes for a day. */
const COUNTS = "TransientError";
/**
 * A run that ended without an answer: a record may be to blame for that as well, but only while others go through.
 * https://docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html
 */
const CRASHES = new Set([
  "Sandbox.Timedout",
  "Runtime.ExitError",
  "Runtime.OutOfMemory",
  "States.Timeout",
  "Lambda.Unknown",
]);
/** Twice as long as a customer waits between its tries: when nobody went through meanwhile, the fault may be everybody's. */
const LATELY_MS = 3_600_000;
const BILLING = "UpsertBilling";
const UNKNOWN = "unknown";

/**
 * Decides what becomes of a run that failed. What may pass leaves the customer behind its target, with a next try; what
 * cannot pass, or did not for too long, is parked under an id that the same failure always has.
 * @throws the fleet's errors when neither table can be written
 */
export function noteFailure(run: FailedRun, deps: FailureDependencies): Promise<Noted> {
  const about = subjectOf(run.input);
  const { customerId, metadata } = about;
  return withScope({ correlationId: metadata.correlationId, customerId }, () => note(run, about, deps));
}

async function note(run: FailedRun, about: Subject, deps: FailureDependencies): Promise<Noted> {
  const error = plainError(run.failure.error);
  const isFinal = FINAL.has(error.name);
  if (!isFinal && run.failure.state === BILLING) {
    const counts = await isOwnFault(error.name, deps);
    const mark = await deps.behind.failed(about.customerId, "billing", { code: error.name, ...error, counts });
    if (!counts || !mark?.failingSince || !(await isTooOld(Date.parse(mark.failingSince), deps))) {
      log().warn("Customer stays behind billing and is tried again", { error, tries: mark?.tries });
      return { outcome: "behind" };
    }
  }
  return parkRun(run, about, error, deps);
}

/** Whether the record may be to blame: anything else is a key, a permission or a deploy. */
async function isOwnFault(name: string, { now, billedLast }: FailureDependencies): Promise<boolean> {
  return name === COUNTS || (CRASHES.has(name) && now() - (await billedLast()) < LATELY_MS);
}

/** Whether it failed for too long by its own fault. The time of an outage does not count. */
async function isTooOld(since: number, { now, giveUpAfterSeconds, awayUntil }: FailureDependencies): Promise<boolean> {
  const oldest = now() - giveUpAfterSeconds * 1000;
  return since < oldest && (await awayUntil()) < oldest;
}

async function parkRun(
  { input, failure: { state }, executionArn }: FailedRun,
  about: Subject,
  { code, ...error }: PlainError,
  { behind, park, now }: FailureDependencies,
): Promise<Noted> {
  const { customerId, version, metadata } = about;
  const hop = `customer-sync/${state}`;
  const known = customerId !== UNKNOWN;
  const parkedId = hashOf(...(known ? [hop, customerId, version] : [hop, executionArn])).slice(0, 32);
  const parkedAt = new Date(now()).toISOString();
  const work: ParkedWork = {
    parkedId,
    parking: executionArn,
    kind: "customer-sync",
    hop,
    input: JSON.stringify(input),
    errorName: error.name,
    errorCode: code,
    errorMessage: error.message,
    correlationId: metadata.correlationId,
    customerId,
    executionArn,
    ...(metadata.orgId === NO_ORG ? {} : { orgId: metadata.orgId }),
    ...(version === UNKNOWN ? {} : { version }),
    traceHeader: metadata.traceHeader ?? "none",
    tries: 1,
    parkedAt,
  };
  await park(work);
  if (known && state === BILLING) await behind.giveUp(customerId, { target: "billing", parkedId, state, version });
  log().error("Run failed and is parked", { parkedId, hop, error });
  const event = createEvent(
    customerSyncFailed,
    { ...metadata, eventId: randomUUID(), occurredAt: parkedAt, causationId: metadata.eventId },
    { customerId, version, parkedId, state, error },
  );
  return { outcome: "parked", parkedId, detail: event.detail };
}

interface Subject {
  readonly customerId: string;
  readonly version: string;
  readonly metadata: z.infer<typeof metadataSchema>;
}

/** What a run's input is about, as far as it says: whatever was given, its failure can be told. */
function subjectOf(input: unknown): Subject {
  const { metadata, data } = partsOf(input);
  const customer = data?.customer as { customerId?: unknown } | undefined;
  const eventId = idIn(metadata?.eventId) ?? randomUUID();
  const whole = metadataSchema.safeParse(metadata).data;
  return {
    customerId: idIn(data?.customerId) ?? idIn(customer?.customerId) ?? UNKNOWN,
    version: idIn(data?.version) ?? UNKNOWN,
    metadata: whole ?? {
      eventId,
      occurredAt: new Date(0).toISOString(),
      correlationId: idIn(metadata?.correlationId) ?? eventId,
      causationId: idIn(metadata?.causationId) ?? eventId,
      orgId: NO_ORG,
      actor: UNKNOWN,
      schemaVersion: 1,
    },
  };
}

type Parts = { metadata?: Record<string, unknown>; data?: Record<string, unknown> };

function partsOf(input: unknown): Parts {
  const { metadata, data } = (isObject(input) ? input : {}) as Parts;
  return { ...(isObject(metadata) ? { metadata } : {}), ...(isObject(data) ? { data } : {}) };
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
