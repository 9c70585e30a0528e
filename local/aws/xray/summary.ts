import { ACCOUNT } from "../kernel/names.ts";
import type { SegmentDocument } from "../kernel/service.ts";
import type { Trace } from "./store.ts";
import { durationOf, type ServiceKey, type TraceView } from "./view.ts";

/** One row of GetTraceSummaries. https://docs.aws.amazon.com/xray/latest/api/API_TraceSummary.html */
export function summarize(trace: Trace, view: TraceView): object {
  const { documents, nodes, root } = view;
  const has = (flag: "fault" | "error" | "throttle") => documents.some((document) => document[flag] === true);
  const responseTime = root?.end_time === undefined ? {} : { ResponseTime: root.end_time - root.start_time };
  const start = startOf(documents);
  return {
    Id: trace.id,
    StartTime: start,
    MatchedEventTime: start,
    Duration: durationOf(documents),
    ...responseTime,
    HasFault: has("fault"),
    HasError: has("error"),
    HasThrottle: has("throttle"),
    IsPartial: documents.some(({ in_progress }) => in_progress === true),
    Http: root ? httpOf(root) : {},
    Annotations: annotationsOf(view),
    Users: usersOf(view),
    ServiceIds: distinct(nodes.map(({ service }) => service)).map(serviceId),
    ResourceARNs: [...new Set(documents.flatMap(({ resource_arn }) => resource_arn ?? []))].map((ARN) => ({ ARN })),
    InstanceIds: [],
    AvailabilityZones: [],
    ...(root ? { EntryPoint: serviceId(keyOfRoot(view, root)) } : {}),
    FaultRootCauses: [],
    ErrorRootCauses: [],
    ResponseTimeRootCauses: [],
    Revision: trace.revision,
  };
}

/** Epoch seconds of the first document. */
export function startOf(documents: readonly SegmentDocument[]): number {
  return Math.min(...documents.map(({ start_time }) => start_time));
}

function keyOfRoot({ nodes }: TraceView, root: SegmentDocument): ServiceKey {
  return nodes.find(({ document }) => document === root)?.service ?? { name: root.name };
}

function serviceId({ name, type }: ServiceKey): object {
  return { Name: name, Names: [name], AccountId: ACCOUNT, ...(type ? { Type: type } : {}) };
}

function distinct(services: readonly ServiceKey[]): ServiceKey[] {
  return [...new Map(services.map((service) => [JSON.stringify(service), service])).values()];
}

function httpOf({ http }: SegmentDocument): object {
  const { request, response } = (http ?? {}) as Record<string, Record<string, unknown> | undefined>;
  const members = {
    HttpURL: request?.url,
    HttpMethod: request?.method,
    UserAgent: request?.user_agent,
    ClientIp: request?.client_ip,
    HttpStatus: response?.status,
  };
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

function usersOf({ nodes }: TraceView): object[] {
  const users = new Map<string, ServiceKey[]>();
  for (const { document, service } of nodes)
    if (typeof document.user === "string") users.set(document.user, [...(users.get(document.user) ?? []), service]);
  return [...users].map(([UserName, services]) => ({ UserName, ServiceIds: distinct(services).map(serviceId) }));
}

interface Annotation {
  readonly value: unknown;
  readonly services: ServiceKey[];
}

function annotationsOf({ nodes }: TraceView): Record<string, object[]> {
  const found: Record<string, Map<string, Annotation>> = {};
  for (const { document, service } of nodes) {
    for (const [key, value] of Object.entries((document.annotations as object | undefined) ?? {})) {
      found[key] ??= new Map();
      const values = found[key];
      const entry: Annotation = values.get(JSON.stringify(value)) ?? { value, services: [] };
      entry.services.push(service);
      values.set(JSON.stringify(value), entry);
    }
  }
  const written = (values: Map<string, Annotation>) =>
    [...values.values()].map(({ value, services }) => ({
      AnnotationValue: annotationValue(value),
      ServiceIds: distinct(services).map(serviceId),
    }));
  return Object.fromEntries(Object.entries(found).map(([key, values]) => [key, written(values)]));
}

function annotationValue(value: unknown): object {
  if (typeof value === "number") return { NumberValue: value };
  return typeof value === "boolean" ? { BooleanValue: value } : { StringValue: String(value) };
}
