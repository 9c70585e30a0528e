import { AwsError } from "../kernel/errors.ts";
import type { Access, CallContext, Operation } from "../kernel/service.ts";
import { parseTraceHeader } from "../kernel/trace.ts";
import { checkEntries, type Entry, toEvent } from "./entries.ts";
import { notFound, validation } from "./errors.ts";
import { matchesPattern } from "./pattern.ts";
import type { Router } from "./router.ts";
import { busArn, busName, type Store } from "./store.ts";
import { ForwardedEvent } from "./targets.ts";

interface PutInput {
  readonly Entries?: readonly Entry[];
  readonly EndpointId?: string;
}

const ENVELOPE = ["id", "account", "source", "time", "region", "detail-type"];

/** The operations that bring events in, and the one that tries a pattern. */
export function putEventsOperations(store: Store, router: Router): Record<string, Operation> {
  const put = (
    { Entries = [] }: PutInput,
    trace: (entry: Entry) => string | undefined,
    owner: "customer" | "partner",
  ) => {
    checkEntries(Entries);
    const results = Entries.map((entry) => putOne(store, router, entry, owner, trace(entry)));
    return { FailedEntryCount: results.filter((result) => "ErrorCode" in result).length, Entries: results };
  };
  return {
    // https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html
    PutEvents: {
      access: ({ Entries = [] }: PutInput) => entryAccess(store, "events:PutEvents", Entries),
      run: (input: PutInput, context) => {
        if (input.EndpointId !== undefined) throw validation("The twin has no global endpoints; leave EndpointId out.");
        return put(input, (entry) => traceOf(entry, context), "customer");
      },
    },
    // The side door for SaaS partners: their own sources, their own bus, and no trace.
    // https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutPartnerEvents.html
    PutPartnerEvents: {
      access: ({ Entries = [] }: PutInput, { principal }) => {
        if (principal.kind === "role")
          throw new AwsError("UnknownOperationException", "Only SaaS partners may put partner events.");
        return entryAccess(store, "events:PutPartnerEvents", Entries.map(onPartnerBus));
      },
      run: ({ Entries = [] }: PutInput) => put({ Entries: Entries.map(onPartnerBus) }, () => undefined, "partner"),
    },
    // https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-bus-to-bus.html
    ForwardEvent: {
      access: (forwarded) => [forwardAccess(store, forwarded)],
      run: ({ busArn, arrival }: ForwardedEvent) => {
        router.accept(busName(busArn), { ...arrival, ingestedAt: store.clock.now() });
        return {};
      },
    },
    // https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_TestEventPattern.html
    TestEventPattern: {
      access: () => [{ action: "events:TestEventPattern", resource: "*" }],
      run: ({ EventPattern, Event }) => ({ Result: matchesPattern(String(EventPattern), parseEvent(Event)) }),
    },
  };
}

function onPartnerBus(entry: Entry): Entry {
  return { ...entry, EventBusName: entry.EventBusName ?? entry.Source ?? "" };
}

function putOne(store: Store, router: Router, entry: Entry, owner: "customer" | "partner", traceHeader?: string) {
  const now = store.clock.now();
  try {
    const event = toEvent(entry, owner, now);
    router.accept(busName(entry.EventBusName), { event, ingestedAt: now, ...(traceHeader ? { traceHeader } : {}) });
    return { EventId: event.id };
  } catch (error) {
    if (!(error instanceof AwsError)) throw error;
    return { ErrorCode: error.code, ErrorMessage: error.message };
  }
}

/**
 * The entry's own header beats the caller's; one that is not valid is dropped and the event kept.
 * https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-related-service-xray.html
 */
function traceOf(entry: Entry, context: CallContext): string | undefined {
  const header = entry.TraceHeader ?? context.traceHeader;
  return parseTraceHeader(header) ? header : undefined;
}

/** One question for each different bus, source and detail type in the call. */
function entryAccess(store: Store, action: string, entries: readonly Entry[]): Access[] {
  const questions = new Map<string, Access>();
  for (const { EventBusName, Source = "", DetailType = "" } of entries) {
    const name = busName(EventBusName);
    const key = JSON.stringify([name, Source, DetailType]);
    if (!questions.has(key)) questions.set(key, busAccess(store, action, name, Source, DetailType));
  }
  return [...questions.values()];
}

function busAccess(store: Store, action: string, name: string, source: string, detailType: string, forwarded = false) {
  const policy = store.buses.get(name)?.policy;
  return {
    action,
    resource: name.startsWith("arn:") ? name : busArn(name),
    conditions: {
      "events:source": source,
      "events:detail-type": detailType,
      "events:eventBusInvocation": String(forwarded),
    },
    ...(policy ? { resourcePolicy: policy } : {}),
  };
}

function forwardAccess(store: Store, forwarded: unknown): Access {
  if (!(forwarded instanceof ForwardedEvent))
    throw new AwsError("UnknownOperationException", "Only EventBridge itself forwards events.");
  const name = busName(forwarded.busArn);
  if (!store.buses.has(name)) throw notFound(`Event bus ${name} does not exist.`);
  const { source, "detail-type": detailType } = forwarded.arrival.event;
  return busAccess(store, "events:PutEvents", name, source, detailType, true);
}

function parseEvent(text: unknown): object {
  let event: unknown;
  try {
    event = JSON.parse(String(text));
  } catch {
    event = undefined;
  }
  if (event === null || typeof event !== "object" || Array.isArray(event))
    throw validation("Parameter Event is not valid.");
  const missing = ENVELOPE.filter((name) => !Object.hasOwn(event, name));
  if (missing.length > 0)
    throw validation(`Parameter Event is not valid. Reason: ${missing.join(", ")} must be present.`);
  return event;
}
